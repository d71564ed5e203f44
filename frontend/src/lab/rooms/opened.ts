// One kept run with its figures; while it goes on they move, and what is found then is said.

import { mount, type Handle } from "../../board";
import { html } from "../../dom";
import { count, cut } from "../../words";
import { isTraining, type KeptRun, type OpenedRun } from "../contract";
import { get } from "../server";

export interface Opened {
  element: HTMLElement;
  open: (id: string) => Promise<void>;
  /** What the list says now of the run that is open. */
  follow: (known: ReadonlyMap<string, KeptRun>) => Promise<void>;
  /** Shows something else instead. */
  clear: () => void;
}

interface Found {
  code: string;
  severity: string;
  sentence: string;
}

export function makeOpened(closed: (id: string) => void): Opened {
  const element = html("div", { class: "opened" });
  const place = html("div", {});
  const state = html("p", { class: "notes" });
  const news = html("p", { class: "news", role: "status" });
  let shown: { id: string; mark: string; codes: Set<string> } | null = null;
  let board: Handle | null = null;
  let frames = 0;

  const clear = (): void => {
    board?.destroy();
    board = null;
    shown = null;
    element.replaceChildren();
  };
  const show = ({ summary, board: found, why }: OpenedRun): void => {
    state.textContent = stateOf(summary);
    const many = (found as { frames?: unknown[] } | null)?.frames?.length ?? 0;
    if (!found) {
      board?.destroy();
      board = null;
      const { name, formula, id } = summary;
      place.replaceChildren(
        html("p", { class: "formula" }, cut(name || formula || id, 120)),
        html("p", {}, why ?? "This run has no figures here."),
      );
    } else if (board && frames > 1) {
      board.update(found);
    } else {
      // With its first steps a training gets a timeline.
      board?.destroy();
      board = mount(place, found);
    }
    frames = many;
  };
  return {
    element,
    clear,
    async open(id) {
      const found = (await get(`/api/runs/${encodeURIComponent(id)}`)) as OpenedRun;
      clear();
      news.textContent = "";
      const close = html("button", { type: "button" }, "Close");
      close.addEventListener("click", () => {
        clear();
        closed(id);
      });
      element.replaceChildren(html("div", { class: "opened-head" }, state, close), news, place);
      shown = { id, mark: markOf(found.summary), codes: new Set(codesOf(found)) };
      show(found);
      element.scrollIntoView({ block: "nearest" });
    },
    async follow(known) {
      const run = shown && known.get(shown.id);
      if (!shown || !run || markOf(run) === shown.mark) return;
      // A descent has figures when it has ended, a training while it goes on.
      if (!isTraining(run) && run.status === "running") return;
      const before = shown;
      const found = (await get(`/api/runs/${encodeURIComponent(run.id)}`)) as OpenedRun;
      if (shown !== before) return;
      const fresh = findingsOf(found).filter(
        ({ code, severity }) => severity !== "info" && !before.codes.has(code),
      );
      // What they say stands below, in the findings.
      if (fresh.length) {
        news.textContent = `New: ${fresh.map(({ code }) => cut(code, 8)).join(", ")}`;
      }
      shown = { id: run.id, mark: markOf(run), codes: new Set(codesOf(found)) };
      show(found);
    },
  };
}

const markOf = ({ status, steps, headline }: KeptRun): string =>
  JSON.stringify([status, steps, headline]);

const findingsOf = ({ board }: OpenedRun): Found[] =>
  (board as { findings?: Found[] } | null)?.findings ?? [];

const codesOf = (found: OpenedRun): string[] => findingsOf(found).map(({ code }) => code);

function stateOf({ status, steps }: KeptRun): string {
  const done = typeof steps === "number" ? `, ${count(steps)} steps so far` : "";
  return status === "running" ? `running${done}` : status;
}
