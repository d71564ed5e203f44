// The gradient: a partial derivative a weight, the rows that pull, a nudge by hand, the backward
// pass, and what becomes of gradients that are not reset.

import type { PullsData } from "../../data";
import { html } from "../../dom";
import { count, cut, number } from "../../words";
import { askable } from "../asked";
import { lossOf, slopes, type LossAt } from "../losses";
import { equation } from "../mathml";
import { PLAIN } from "../methods";
import { partialPutIn } from "../putin";
import { panelsOf } from "../panels";
import { drawBoth } from "./other";
import { makePulled } from "./pulled";
import { layout, type Part, type Situation } from "./part";

const MOST = 6; // weights with an equation of their own
const UNRESET = 60; // steps of the descent whose gradients add up

export function gradientPart(situation: Situation): Part {
  const { judged, scene, descent, cursor } = situation;
  const made = layout(situation, "gradient");
  const { board, document, equations } = judged;
  const names = scene.live.weights;
  const pulls = board.figures.find((figure): figure is PullsData => figure.kind === "pulls");

  const lines = names.slice(0, MOST).map((name, index) => {
    const value = askable({ about: "partial", weight: name });
    const written = equations?.partials[name];
    const text = document.weights[name]?.partial ?? "measured, not written out";
    const one = html("div", { class: "put-in partial-line" });
    const sum = html("code", { class: "put-in" });
    const row = html("div", { class: "partial-line" });
    const label = html("span", { class: "name" }, `∂loss/∂${cut(name, 20)} =`);
    row.append(label, equation(written, text), html("span", {}, "="), value);
    made.equations.append(row, one, sum);
    return { value, one, sum, name, index };
  });

  const loss = lossOf(scene.live, scene.model, document, {
    values: descent.values[0] ?? [],
    loss: descent.loss[0] ?? NaN,
  });
  const pulled = pulls ? makePulled(situation, pulls) : null;
  const nudge =
    loss &&
    makeNudge(names, loss, situation, (weight) => {
      pulled?.show(cursor.frame, weight);
    });
  const unreset = loss && makeUnreset(names, loss, situation);
  const figures = html("div", { class: "figures" });
  const shown = board.figures.filter(({ kind }) =>
    ["slice", "function", "pulls", "backward"].includes(kind),
  );
  const panels = panelsOf(board, shown, cursor, () => "");
  figures.append(...panels.map(({ element }) => element));
  if (nudge) made.below.append(nudge.element);
  if (pulled) made.below.append(pulled.element);
  made.below.append(figures);
  if (unreset) made.below.append(unreset.element);

  const show = (frame: number): void => {
    const slope = descent.gradient?.[frame] ?? [];
    const step = count(descent.frames[frame] ?? 0);
    const many =
      names.length === 1 ? "one partial derivative" : `${names.length} partial derivatives`;
    const said = names
      .slice(0, MOST)
      .map((name, index) => `${cut(name, 16)} ${number(slope[index] ?? NaN, 4)}`);
    made.sentence.textContent = `At step ${step} the gradient has ${many}: ${said.join(", ")}.`;
    for (const { value, one, sum, name, index } of lines) {
      value.textContent = number(slope[index] ?? NaN, 5);
      const put = partialPutIn(situation, frame, name);
      const told = put && put.row !== null ? [html("span", {}, `row ${put.row} adds`)] : [];
      one.replaceChildren(
        ...told,
        ...(put ? [equation(put.mathml, `with numbers, ${number(slope[index] ?? NaN, 4)}`)] : []),
      );
      sum.textContent = pulls ? putIn(pulls, name, frame) : "";
    }
    nudge?.show(frame);
    pulled?.show(frame, nudge?.weight() ?? 0);
    unreset?.show(frame);
    for (const panel of panels) panel.show(frame);
  };
  return {
    element: made.element,
    show,
    resize() {
      for (const panel of panels) panel.draw();
      pulled?.draw();
      unreset?.draw();
    },
  };
}

/** The equation with the rows' numbers put in: the three largest pulls, and all the others. */
function putIn({ row, weights, amount, rest }: PullsData, name: string, frame: number): string {
  const index = weights.indexOf(name);
  const pulled = amount[frame]?.[index];
  if (!pulled) return "";
  const order = pulled
    .map((_, place) => place)
    .sort((a, b) => Math.abs(pulled[b]!) - Math.abs(pulled[a]!));
  const shown = order.slice(0, 3);
  const others =
    order.slice(3).reduce((sum, place) => sum + pulled[place]!, 0) + (rest[frame]?.[index] ?? 0);
  const terms = shown.map((place) => `${number(pulled[place]!, 4)} (row ${row[place]})`);
  const all = [...terms, `${number(others, 4)} (all the others)`];
  return `= ${all.join(" + ").replaceAll("+ −", "− ")}`;
}

function makeNudge(
  names: string[],
  loss: LossAt,
  { descent }: Situation,
  chosen: (weight: number) => void,
) {
  const which = html("select", { id: "nudged" }, ...names.map((name) => html("option", {}, name)));
  const by = html("input", {
    type: "range",
    min: -100,
    max: 100,
    step: 1,
    value: 20,
    id: "nudge-by",
    "aria-label": "How far it is nudged",
  });
  const said = html("output", {});
  const element = html(
    "div",
    { class: "nudge" },
    html("h2", { class: "sub" }, "Nudge a weight by hand"),
    html("div", { class: "nudge-row" }, html("label", { for: "nudged" }, "weight"), which, by),
    html("p", {}, said),
  );
  let at = 0;
  const show = (frame: number): void => {
    at = frame;
    const index = which.selectedIndex;
    const weights = descent.values[frame] ?? [];
    const slope = descent.gradient?.[frame]?.[index] ?? NaN;
    // As far as the weight is large, with room for small nudges in the middle of the slider.
    const share = by.valueAsNumber / 100;
    const amount = Math.sign(share) * share * share * Math.max(0.1, Math.abs(weights[index] ?? 0));
    const moved = weights.map((value, place) => (place === index ? value + amount : value));
    const really = loss(moved) - loss(weights);
    const told = `${cut(names[index] ?? "", 20)} ${amount < 0 ? "−" : "+"} ${number(Math.abs(amount), 3)}`;
    const text =
      `${told}: the partial derivative says the loss changes by ${number(slope * amount, 4)}; ` +
      `it changes by ${number(really, 4)}.`;
    said.textContent = text;
    by.setAttribute("aria-valuetext", text);
  };
  which.addEventListener("change", () => {
    show(at);
    chosen(which.selectedIndex);
  });
  by.addEventListener("input", () => show(at));
  return { element, show, weight: () => which.selectedIndex };
}

/** The same descent where each step uses the sum of all gradients so far. */
function makeUnreset(names: string[], loss: LossAt, { descent, judged }: Situation) {
  const { optimizer } = judged.document.descent;
  const steps = Math.min(UNRESET, descent.frames.at(-1) ?? 0);
  if (optimizer !== PLAIN || !descent.values[0] || steps < 2) return null;
  const losses: number[] = [];
  const kept: number[][] = [];
  let weights = descent.values[0];
  let sum = weights.map(() => 0);
  for (let step = 0; step <= steps; step += 1) {
    losses.push(loss(weights));
    const slope = slopes(loss, weights);
    sum = sum.map((value, index) => value + slope[index]!);
    kept.push(sum);
    const held = sum;
    weights = weights.map((value, index) => value - descent.lr * held[index]!);
  }
  const said = html("p", {});
  const host = html("div", { class: "drawing middling" });
  const element = html(
    "div",
    { class: "unreset" },
    html("h2", { class: "sub" }, "Without resetting the gradients"),
    said,
    host,
  );
  const draw = (): void => {
    drawBoth(host, "The loss by step, with and without resetting", descent, losses);
  };
  const show = (frame: number): void => {
    const step = Math.min(steps, descent.frames[frame] ?? 0);
    const first = number(descent.gradient?.[frame]?.[0] ?? NaN, 4);
    const added = number(kept[step]?.[0] ?? NaN, 4);
    said.textContent =
      `PyTorch adds every new gradient to the one it holds. Never reset, after step ${count(step)} ` +
      `it would hold ${added} for ${cut(names[0] ?? "", 20)}, where this descent has ${first}. ` +
      `Dotted: the loss of a descent with such sums; after ${count(steps)} steps it is ` +
      `${number(losses[steps] ?? NaN, 4)}.`;
  };
  return { element, show, draw };
}
