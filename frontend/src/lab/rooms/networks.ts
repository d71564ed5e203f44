// Networks that the server trains before one's eyes; each training becomes a run.

import { html } from "../../dom";
import { get, post, Refused } from "../server";

interface Network {
  id: string;
  title: string;
  says: string;
}

export interface Networks {
  element: HTMLElement;
  draw: () => Promise<void>;
}

export function makeNetworks(trained: (run: string) => Promise<void>): Networks {
  const buttons = html("div", { class: "row-buttons" });
  const said = html("p", { class: "notes", role: "status" });
  const element = html(
    "section",
    { class: "networks", "aria-label": "Train a network" },
    html("h2", { class: "sub" }, "Train a network"),
    buttons,
    said,
  );
  element.hidden = true;

  const train = async ({ id, title }: Network): Promise<void> => {
    for (const button of buttons.querySelectorAll("button")) button.disabled = true;
    said.textContent = `Training: ${title}`;
    try {
      const { run } = (await post(`/api/networks/${encodeURIComponent(id)}`, {})) as {
        run: string;
      };
      said.textContent = "";
      await trained(run);
    } catch (error) {
      said.textContent = error instanceof Refused ? error.message : String(error);
    } finally {
      for (const button of buttons.querySelectorAll("button")) button.disabled = false;
    }
  };
  return {
    element,
    async draw() {
      if (!element.hidden) return;
      try {
        const found = (await get("/api/networks")) as Network[];
        buttons.replaceChildren(
          ...found.map((network) => {
            const button = html("button", { type: "button", title: network.says }, network.title);
            button.addEventListener("click", () => void train(network));
            return button;
          }),
        );
        element.hidden = !found.length;
      } catch {
        // The list of runs says that the server does not answer.
      }
    },
  };
}
