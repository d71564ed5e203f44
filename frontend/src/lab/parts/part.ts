// What the parts of a step share: where they stand, and how they are laid out.

import type { Cursor } from "../../cursor";
import { html } from "../../dom";
import type { Judged } from "../contract";
import type { Descent, Scene } from "../scene";

export const PARTS = [
  "initialize",
  "predict",
  "loss",
  "gradient",
  "step",
  "repeat",
  "stop",
] as const;

export interface Situation {
  judged: Judged;
  scene: Scene;
  descent: Descent;
  cursor: Cursor;
  frame: number;
}

export interface Part {
  element: HTMLElement;
  show: (frame: number) => void;
  resize?: () => void;
}

export interface Layout {
  element: HTMLElement;
  sentence: HTMLElement;
  equations: HTMLElement;
  numbers: HTMLElement;
  below: HTMLElement;
}

/** A sentence, the equation, the numbers, and the lines of PyTorch that do it: they run as they are. */
export function layout({ judged }: Situation, ...parts: string[]): Layout {
  const sentence = html("p", { class: "part-sentence" });
  const equations = html("div", { class: "equations" });
  const numbers = html("div", { class: "numbers" });
  const below = html("div", {});
  const element = html("div", {}, sentence, equations, numbers);
  const lines = parts.flatMap((part) => judged.torch[part] ?? []);
  if (lines.length) {
    element.append(
      html("p", { class: "torch-label" }, "In PyTorch"),
      html("pre", { class: "torch", tabindex: 0 }, lines.join("\n")),
    );
  }
  element.append(below);
  return { element, sentence, equations, numbers, below };
}

export function table(head: string[], rows: (string | Node)[][]): HTMLElement {
  const cells = (kind: "th" | "td", row: (string | Node)[]): HTMLElement =>
    html("tr", {}, ...row.map((cell) => html(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  const body = html("table", {});
  body.append(html("thead", {}, cells("th", head)));
  body.append(html("tbody", {}, ...rows.map((row) => cells("td", row))));
  return html("div", { class: "table" }, body);
}

/** The order in which the board has the weights of the scene, -1 where it leaves one out. */
export const places = ({ judged, scene }: Situation): number[] =>
  scene.live.weights.map((name) => judged.board.weights.indexOf(name));
