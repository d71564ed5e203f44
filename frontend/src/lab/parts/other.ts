// A descent that is done otherwise, beside the one that was run: its loss by step, dotted.

import { html } from "../../dom";
import { plot } from "../../frame";
import { line } from "../../path";
import { extent, roomy } from "../../scale";
import { count, number } from "../../words";
import { lossOf, slopes } from "../losses";
import { PLAIN } from "../methods";
import type { Descent } from "../scene";
import type { Situation } from "./part";

const MOST = 60; // steps that climb
const FAR = 1e12; // times the first loss, from which on nothing is seen any more

/** Draws both losses by step, as far as the other one goes. */
export function drawBoth(
  host: HTMLElement,
  title: string,
  descent: Descent,
  other: readonly number[],
): void {
  host.replaceChildren();
  const steps = other.length - 1;
  const known = descent.frames.map((step, index) => [step, descent.loss[index]!] as const);
  const near = known.filter(([step]) => step <= steps);
  const all = extent(
    "linear",
    other,
    near.map(([, value]) => value),
  ) ?? [0, 1];
  const kind = all[0] > 0 && all[1] > 10 * all[0] ? "log" : "linear";
  const size = { width: Math.max(260, Math.min(640, host.clientWidth)), height: 210 };
  const frame = plot(host, size, title, {
    x: { axis: { label: "step", scale: "linear" }, domain: [0, steps] },
    y: { axis: { label: "loss", scale: kind }, domain: roomy(kind, extent(kind, all)) },
  });
  const { x, y } = frame;
  frame.path(
    "path",
    line(
      near.length,
      (index) => x(near[index]![0]),
      (index) => y(near[index]![1]),
    ),
  );
  frame.path(
    "before",
    line(
      other.length,
      (index) => x(index),
      (index) => y(other[index]!),
    ),
  );
}

/** Why minus: the same steps with a plus, which climb. Null where they cannot be computed here. */
export function makePlus({ scene, descent, judged }: Situation) {
  const start = descent.values[0];
  if (judged.document.descent.optimizer !== PLAIN || !start) return null;
  const known = { values: start, loss: descent.loss[0] ?? NaN };
  const loss = lossOf(scene.live, scene.model, judged.document, known);
  const steps = Math.min(MOST, descent.frames.at(-1) ?? 0);
  if (!loss || steps < 1) return null;
  const climbed: number[] = [];
  let weights = start;
  for (let step = 0; step <= steps; step += 1) {
    const value = loss(weights);
    if (!Number.isFinite(value) || Math.abs(value) > FAR * Math.abs(known.loss)) break;
    climbed.push(value);
    const slope = slopes(loss, weights);
    weights = weights.map((one, index) => one + descent.lr * slope[index]!);
  }
  const last = climbed.length - 1;
  const said = html(
    "p",
    {},
    `With a plus in the place of the minus every step goes up the slope: in ${count(last)} ` +
      `${last === 1 ? "step" : "steps"} the loss goes from ${number(climbed[0]!, 5)} to ` +
      `${number(climbed[last]!, 5)}. Dotted: with the plus.`,
  );
  const host = html("div", { class: "drawing middling" });
  const body = html("div", {}, said, host);
  const button = html("button", { type: "button", "aria-pressed": "false" }, "Why minus? Try plus");
  body.hidden = true;
  const draw = (): void => {
    if (!body.hidden)
      drawBoth(host, "The loss by step, with minus and with plus", descent, climbed);
  };
  button.addEventListener("click", () => {
    body.hidden = !body.hidden;
    button.setAttribute("aria-pressed", String(!body.hidden));
    draw();
  });
  return { element: html("div", { class: "plus" }, button, body), draw };
}
