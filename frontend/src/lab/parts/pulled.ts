// The rows that pull at a weight, on the data: a disc each, as large as the pull.

import type { PullsData } from "../../data";
import { html, svg } from "../../dom";
import { plot } from "../../frame";
import { at, line } from "../../path";
import { extent, roomy } from "../../scale";
import { count, cut, number } from "../../words";
import type { Situation } from "./part";

const LARGEST = 15; // radius of the hardest pull, in pixels

export interface Pulled {
  element: HTMLElement;
  /** Which of the weights, by its place. */
  show: (frame: number, weight: number) => void;
  draw: () => void;
}

/** Null where the data is not over one column. */
export function makePulled({ scene, descent }: Situation, pulls: PullsData): Pulled | null {
  const data = scene.live.model;
  const { rows, curve } = data ?? {};
  if (!data || !rows?.x || !curve || !scene.model) return null;
  const said = html("p", {});
  const host = html("div", { class: "drawing middling" });
  const heading = html("h2", { class: "sub" }, "Which rows pull at it");
  const element = html("div", { class: "pulled" }, heading, said, host);
  const places = pulls.row.map((row) => rows.number.indexOf(row));
  let move: ((frame: number, weight: number) => string) | null = null;
  let last: [number, number] = [0, 0];

  const draw = (): void => {
    host.replaceChildren();
    const width = Math.max(260, Math.min(640, host.clientWidth));
    const frame = plot(host, { width, height: 240 }, "The data, and how hard each row pulls", {
      x: {
        axis: { label: data.columns[0]!, scale: "linear" },
        domain: roomy("linear", extent("linear", rows.x!), 0.05),
      },
      y: {
        axis: { label: data.target ?? "target", scale: "linear" },
        domain: roomy("linear", extent("linear", rows.target), 0.15),
      },
    });
    const { x, y } = frame;
    const model = frame.path("model");
    const discs = places.map((place) => {
      const spot = at(x(rows.x![place] ?? NaN), y(rows.target[place] ?? NaN));
      return frame.put(svg("circle", { transform: spot }));
    });
    move = (now, weight) => {
      const along = scene.model!.along(descent.values[now] ?? []);
      const up = (index: number): number => y(along[index]!);
      model.setAttribute(
        "d",
        line(curve.x.length, (index) => x(curve.x[index]!), up),
      );
      const name = scene.live.weights[weight] ?? "";
      const amounts = pulls.amount[now]?.[pulls.weights.indexOf(name)] ?? [];
      const sizes = amounts.map((amount) => (Number.isFinite(amount) ? Math.abs(amount) : 0));
      const most = Math.max(...sizes, 0) || 1;
      discs.forEach((disc, index) => {
        const lowers = (amounts[index] ?? 0) > 0;
        const kind = lowers ? "pull-down" : "pull-up";
        disc.setAttribute("class", `pull ${kind} w${weight % 7}`);
        disc.setAttribute("r", String(1.5 + LARGEST * Math.sqrt((sizes[index] ?? 0) / most)));
      });
      const hardest = sizes.indexOf(most);
      const sum = (sign: 1 | -1): number =>
        amounts.reduce((total, amount) => (amount * sign > 0 ? total + amount : total), 0);
      return (
        `At step ${count(descent.frames[now] ?? 0)} row ${pulls.row[hardest] ?? ""} pulls ` +
        `${cut(name, 20)} hardest. Filled: rows that want it larger, together ` +
        `${number(sum(-1), 4)}; hollow: rows that want it smaller, ${number(sum(1), 4)}.`
      );
    };
    said.textContent = move(...last);
  };
  return {
    element,
    draw,
    show(frame, weight) {
      last = [frame, weight];
      if (move) said.textContent = move(frame, weight);
    },
  };
}
