// The loss as a graph: values flow from left to right, partial derivatives back. Through one row all
// numbers multiply; of all rows together there are means and sums, which do not.

import type { BackwardData } from "../data";
import { html } from "../dom";
import type { Draw } from "../frame";
import { drawGraph } from "../graph";
import { number } from "../words";

const LOOKS = { what: "The backward pass", narrowest: 136, gap: 58 };

export const drawBackward: Draw<BackwardData> = (host, data, stage) => {
  const { row, of, value, adjoint, slopes } = data;
  const legend = ["value", "partial derivative of the loss"] as const;
  const controls = html("div", { class: "controls", role: "group" });
  if (data.adjoint_sum && of > 1) host.append(controls);
  const { plates, links } = drawGraph(host, data, stage, LOOKS, legend);
  let shown = stage.cursor.frame;
  let whole = false;
  const show = (frame: number): void => {
    shown = frame;
    const [forward, back] = whole ? [data.value_mean!, data.adjoint_sum!] : [value, adjoint];
    plates((index) => [short(forward[frame]?.[index] ?? NaN), short(back[frame]?.[index] ?? NaN)]);
    links((index) => (whole ? "" : `×${number(slopes[frame]?.[index] ?? NaN, 4)}`));
  };
  const one = html("button", { type: "button" }, `row ${row} alone`);
  const all = html("button", { type: "button" }, `all ${of} rows: means and sums`);
  const choose = (every: boolean): void => {
    whole = every;
    one.setAttribute("aria-pressed", String(!every));
    all.setAttribute("aria-pressed", String(every));
    show(shown);
  };
  one.addEventListener("click", () => choose(false));
  all.addEventListener("click", () => choose(true));
  controls.setAttribute("aria-label", "Which rows the numbers are of");
  controls.append(one, all);
  choose(false);
  return show;
};

const short = (given: number): string => (Number.isNaN(given) ? "NaN" : number(given, 4));
