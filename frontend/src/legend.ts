// What the marks mean: the same ones in every figure, so they are explained once.

import type { FigureData } from "./data";
import { html, svg } from "./dom";
import { CROSS } from "./frame";

interface Mark {
  means: string;
  name: string;
  tag: "path" | "circle";
  attributes: Record<string, string | number>;
  kinds: string;
}

const LINE = "M-11,0H11";
const POINT = "loss slice function contour surface training";
const MARKS: Mark[] = [
  {
    means: "now",
    name: "here",
    tag: "circle",
    attributes: { r: 5 },
    kinds: `${POINT} sweep plane`,
  },
  {
    means: "after the next step",
    name: "next",
    tag: "circle",
    attributes: { r: 4.5 },
    kinds: "slice function contour",
  },
  {
    means: "the minimum",
    name: "minimum",
    tag: "path",
    attributes: { d: CROSS },
    kinds: "slice function contour surface",
  },
  {
    means: "the step that was taken",
    name: "here",
    tag: "circle",
    attributes: { r: 5.5 },
    kinds: "fan",
  },
  { means: "data", name: "data", tag: "path", attributes: { d: "M0,0h0" }, kinds: "fit panels" },
  { means: "the model now", name: "model", tag: "path", attributes: { d: LINE }, kinds: "fit" },
  { means: "the model", name: "model", tag: "path", attributes: { d: LINE }, kinds: "panels" },
  { means: "at the minimum", name: "best", tag: "path", attributes: { d: LINE }, kinds: "fit" },
];

export function makeLegend(figures: FigureData[]): HTMLElement {
  const list = html("ul", { class: "legend", "aria-label": "Marks" });
  for (const { means, name, tag, attributes, kinds } of MARKS) {
    if (!figures.some(({ kind }) => kinds.split(" ").includes(kind))) continue;
    const picture = svg("svg", { viewBox: "-11 -7 22 14", "aria-hidden": "true" });
    picture.append(svg(tag, { class: name, ...attributes }));
    list.append(html("li", {}, picture, means));
  }
  return list;
}
