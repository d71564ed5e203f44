// Six of the seven parts: those that a sentence, an equation and a table say whole.

import { html } from "../../dom";
import { count, cut, number } from "../../words";
import { askable } from "../asked";
import { equation } from "../mathml";
import { LOSSES, PLAIN } from "../methods";
import { lengthPutIn, lossPutIn, nextPutIn, predictionOf } from "../putin";
import { makePlus } from "./other";
import { layout, table, type Part, type Situation } from "./part";

const ROWS = 5; // that are shown of the data

const listed = (names: string[], values: number[]): string => {
  const shown = names
    .slice(0, 6)
    .map((name, index) => `${cut(name, 16)} = ${number(values[index]!, 5)}`);
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
};

export function initialize(situation: Situation): Part {
  const { scene, descent, judged } = situation;
  const made = layout(situation, "data", "initialize");
  const { weights } = scene.live;
  made.sentence.textContent = `The descent starts at ${listed(weights, descent.values[0] ?? [])}.`;
  const rows = weights
    .slice(0, 12)
    .map((name, index) => [
      cut(name, 24),
      askable(
        { about: "weight", weight: name, at: "start" },
        number(judged.document.weights[name]?.start ?? descent.values[0]?.[index] ?? NaN, 6),
      ),
    ]);
  made.numbers.append(table(["weight", "start"], rows));
  return { element: made.element, show: () => undefined };
}

export function predict(situation: Situation): Part {
  const { scene, descent, judged } = situation;
  const made = layout(situation, "predict");
  const { document, equations } = judged;
  const put = html("div", { class: "put-in" });
  made.equations.append(equation(equations?.model, document.problem.formula), put);
  const data = scene.live.model;
  const { rows } = data ?? {};
  const show = (frame: number): void => {
    const step = count(descent.frames[frame] ?? 0);
    const weights = descent.values[frame] ?? [];
    if (!rows || !data || !scene.model) {
      made.sentence.textContent =
        `At step ${step}, with ${listed(scene.live.weights, weights)}, the function is ` +
        `${number(descent.loss[frame] ?? NaN, 6)}. There is no data to predict.`;
      return;
    }
    const said = scene.model.atRows(weights);
    const target = data.target ?? "target";
    made.sentence.textContent =
      `At step ${step} the model says ${number(said[0] ?? NaN, 4)} for row ${rows.number[0]}, ` +
      `where ${cut(target, 24)} is ${number(rows.target[0] ?? NaN, 4)}.`;
    const first = predictionOf(situation, frame, 0);
    put.replaceChildren(...(first ? [equation(first, `row ${rows.number[0]} with numbers`)] : []));
    const inputs = data.columns.slice(0, 3);
    const shown = rows.number
      .slice(0, ROWS)
      .map((row, place) => [
        String(row),
        ...inputs.map((name) => number(rows.inputs[name]?.[place] ?? NaN, 5)),
        number(rows.target[place]!, 5),
        askable({ about: "prediction", place }, number(said[place]!, 5)),
        askable({ about: "residual", place }, number(rows.target[place]! - said[place]!, 4)),
      ]);
    const head = ["row", ...inputs.map((name) => cut(name, 20)), cut(target, 20)];
    made.numbers.replaceChildren(table([...head, "prediction", "residual"], shown));
    if (rows.of > ROWS) made.numbers.append(html("p", { class: "notes" }, more(rows.of - ROWS)));
  };
  return { element: made.element, show };
}

const more = (rows: number): string => `and ${count(rows)} more ${rows === 1 ? "row" : "rows"}.`;

export function lossPart(situation: Situation): Part {
  const { scene, descent, judged } = situation;
  const made = layout(situation, "loss");
  const name = judged.document.problem.loss;
  const { rows } = scene.live.model ?? {};
  const put = html("div", { class: "put-in" });
  const text = LOSSES[name ?? ""]?.means ?? judged.document.problem.formula;
  const written = equation(judged.equations?.loss, text);
  made.equations.append(html("div", { class: "partial-line" }, "loss =", written), put);
  const show = (frame: number): void => {
    const loss = number(descent.loss[frame] ?? NaN, 7);
    const step = count(descent.frames[frame] ?? 0);
    made.sentence.replaceChildren(
      `At step ${step} the loss is ${rows ? "" : "the function itself: "}`,
      askable({ about: "loss" }, loss),
      rows ? `: ${text} over ${count(rows.of)} rows.` : ".",
    );
    const numbers = lossPutIn(situation, frame);
    put.replaceChildren(...(numbers ? [equation(numbers, `with numbers, ${loss}`)] : []));
  };
  return { element: made.element, show };
}

const PUT_IN = 4; // weights whose step is written out

const RULE =
  "<math><mi>w</mi><mo>←</mo><mi>w</mi><mo>−</mo><mi>η</mi><mo>⋅</mo>" +
  "<mfrac><mrow><mo>∂</mo><mtext>loss</mtext></mrow><mrow><mo>∂</mo><mi>w</mi></mrow></mfrac></math>";

export function stepPart(situation: Situation): Part {
  const { scene, descent, judged } = situation;
  const made = layout(situation, "step");
  const { optimizer } = judged.document.descent;
  const plain = optimizer === PLAIN;
  const lr = descent.lr;
  const rule = "weight ← weight − learning rate · partial derivative";
  const put = html("div", { class: "put-in" });
  made.equations.append(equation(plain ? RULE : null, plain ? rule : optimizer), put);
  const plus = makePlus(situation);
  if (plus) made.below.append(plus.element);
  const { weights } = scene.live;
  const show = (frame: number): void => {
    const at = descent.values[frame] ?? [];
    const slope = descent.gradient?.[frame] ?? [];
    const isNext = descent.frames[frame + 1] === (descent.frames[frame] ?? 0) + 1;
    const next = isNext
      ? descent.values[frame + 1]!
      : plain
        ? at.map((value, index) => value - lr * slope[index]!)
        : null;
    const step = count((descent.frames[frame] ?? 0) + 1);
    const told = weights.slice(0, PUT_IN).map((_, index) => nextPutIn(situation, frame, index));
    put.replaceChildren(
      ...told.flatMap((one) => (one ? [html("div", {}, equation(one, rule))] : [])),
    );
    made.sentence.textContent = plain
      ? `Step ${step} moves every weight by minus ${number(lr, 4)} times its partial derivative.`
      : `Step ${step}: ${optimizer} makes of the gradient, and of those before it, a move.`;
    made.numbers.replaceChildren(
      table(
        ["weight", "now", "∂", "moves by", "next"],
        weights
          .slice(0, 12)
          .map((name, index) => [
            cut(name, 20),
            askable({ about: "weight", weight: name }, number(at[index] ?? NaN, 6)),
            askable({ about: "partial", weight: name }, number(slope[index] ?? NaN, 4)),
            !next
              ? "not shown"
              : plain
                ? askable({ about: "move", weight: name }, number(next[index]! - at[index]!, 4))
                : number(next[index]! - at[index]!, 4),
            next ? number(next[index]!, 6) : "not shown",
          ]),
      ),
    );
  };
  return { element: made.element, show, resize: () => plus?.draw() };
}

export function repeat(situation: Situation): Part {
  const { descent, judged } = situation;
  const made = layout(situation, "repeat");
  const { steps } = judged.document.descent;
  const show = (frame: number): void => {
    const now = descent.frames[frame] ?? 0;
    const last = descent.frames.at(-1) ?? 0;
    const before = descent.loss[frame - 1];
    const loss = descent.loss[frame] ?? NaN;
    const done = `${count(now)} of ${count(steps)} steps are done`;
    const change =
      before === undefined
        ? ""
        : `; since step ${count(descent.frames[frame - 1] ?? 0)} the loss went from ` +
          `${number(before, 5)} to ${number(loss, 5)}`;
    made.sentence.textContent =
      now < last
        ? `${done}${change}. The next one begins again with predict.`
        : `${done}${change}.`;
  };
  return { element: made.element, show };
}

export function stopPart(situation: Situation): Part {
  const { scene, descent, judged } = situation;
  const made = layout(situation, "stop");
  const length = lengthPutIn(descent.gradient?.at(-1) ?? []);
  made.equations.append(equation(length, "the length of the gradient"));
  const { stopped_why, final_loss } = judged.document.descent;
  const ends = (row: number[] | undefined): number => Math.hypot(...(row ?? [NaN]));
  const [first, last] = [ends(descent.gradient?.[0]), ends(descent.gradient?.at(-1))];
  const zero = last === 0;
  const share = last / first;
  const about = Number.isFinite(share) ? `, ${number(100 * share, 2)} % of the first one` : "";
  made.sentence.textContent = zero
    ? `${stopped_why} There the gradient is zero.`
    : `${stopped_why} The gradient is not zero: its length is ${number(last, 4)}${about}.`;
  const { minimum } = scene.live;
  made.numbers.append(
    table(
      ["weight", "∂ at the start", "∂ at the end"],
      scene.live.weights
        .slice(0, 12)
        .map((name, index) => [
          cut(name, 20),
          ...(["start", "end"] as const).map((at) =>
            askable(
              { about: "partial", weight: name, at },
              number(descent.gradient?.at(at === "start" ? 0 : -1)?.[index] ?? NaN, 5),
            ),
          ),
        ]),
    ),
  );
  if (minimum) {
    const words = `The loss is ${number(final_loss, 6)}; the minimum is ${number(minimum.loss, 6)}.`;
    made.numbers.append(html("p", {}, words));
  }
  return { element: made.element, show: () => undefined };
}
