// The equations of a run with its own numbers in them, at one step.

import type { PullsData } from "../data";
import type { Equations } from "./contract";
import { lossOf } from "./losses";
import { equals, fraction, inside, joined, putIn, result, written, type Values } from "./mathml";
import { LOSSES, PLAIN, ROOT } from "./methods";
import type { Situation } from "./parts/part";

const SHOWN = 3; // rows of a sum

type Run = Omit<Situation, "frame">;

/** The names of the weights, and where there is one those of a row, with their numbers. */
function valuesAt({ scene, descent }: Run, equations: Equations, frame: number, row?: number) {
  const { names, target } = equations;
  const weights = descent.values[frame] ?? [];
  const found: Values = scene.live.weights.map((name, index) => [
    names[name] ?? "",
    weights[index] ?? NaN,
  ]);
  const rows = scene.live.model?.rows;
  if (row === undefined || !rows || !scene.model) return found;
  for (const [name, column] of Object.entries(rows.inputs)) {
    found.push([names[name] ?? "", column[row] ?? NaN]);
  }
  const taken = new Set([...scene.live.weights, ...Object.keys(rows.inputs)]);
  if (!taken.has("prediction")) {
    found.push([names["prediction"] ?? "", scene.model.bare(weights)[row] ?? NaN]);
  }
  if (!taken.has(ROOT)) found.push([names[ROOT] ?? "", descent.loss[frame] ?? NaN]);
  // Last, because where it is one of the names it is the same number.
  if (target) found.push([target, rows.target[row] ?? NaN]);
  return found;
}

/** What the model gives for a row, at a place among those that the page has. */
export function predictionOf(run: Run, frame: number, row: number): string | null {
  const { equations } = run.judged;
  const said = run.scene.model?.bare(run.descent.values[frame] ?? [])[row];
  if (!equations || said === undefined) return null;
  return joined(putIn(equations.model, valuesAt(run, equations, frame, row)), equals(said, 5));
}

/** The loss: a mean over rows, the first of them written out; or the function itself. */
export function lossPutIn(run: Run, frame: number): string | null {
  const { scene, descent, judged } = run;
  const { equations, document } = judged;
  const value = descent.loss[frame] ?? NaN;
  if (!equations) return null;
  const rows = scene.live.model?.rows;
  if (!rows || document.problem.loss === null) {
    return joined(putIn(equations.loss, valuesAt(run, equations, frame)), equals(value, 7));
  }
  // Only where what is computed here is what was measured.
  const known = { values: descent.values[frame] ?? [], loss: value };
  if (!lossOf(scene.live, scene.model, document, known)) return null;
  const terms = rows.target
    .slice(0, SHOWN)
    .map((_, row) => grouped(putIn(equations.loss_row, valuesAt(run, equations, frame, row))));
  if (rows.of > SHOWN) terms.push("<mo>…</mo>");
  const mean = fraction(terms.join("<mo>+</mo>"), `<mn>${rows.of}</mn>`);
  const whole = LOSSES[document.problem.loss]?.root ? `<msqrt>${mean}</msqrt>` : mean;
  return joined("<mo>=</mo>", whole, equals(value, 7));
}

/** A partial derivative: what the hardest pulling row adds to it, or the whole where there are no rows. */
export function partialPutIn(
  run: Run,
  frame: number,
  weight: string,
): { row: number | null; mathml: string } | null {
  const { scene, descent, judged } = run;
  const { equations, document, board } = judged;
  const slope = descent.gradient?.[frame]?.[scene.live.weights.indexOf(weight)] ?? NaN;
  const written = equations?.partial_rows[weight];
  if (!equations || !written) return null;
  const rows = scene.live.model?.rows;
  if (!rows || document.problem.loss === null) {
    const values = valuesAt(run, equations, frame);
    return { row: null, mathml: joined("<mo>=</mo>", putIn(written, values), equals(slope, 5)) };
  }
  const pulls = board.figures.find((figure): figure is PullsData => figure.kind === "pulls");
  const amounts = pulls?.amount[frame]?.[pulls.weights.indexOf(weight)] ?? [];
  const hardest = amounts.reduce(
    (best, pull, place) => (Math.abs(pull) > Math.abs(amounts[best] ?? 0) ? place : best),
    0,
  );
  const row = pulls?.row[hardest] ?? NaN;
  const place = rows.number.indexOf(row);
  if (place < 0 || rows.of !== rows.target.length) return null;
  const numbers = putIn(written, valuesAt(run, equations, frame, place));
  const share = fraction(numbers, `<mn>${rows.of}</mn>`);
  return { row, mathml: joined(share, equals(amounts[hardest] ?? NaN, 5)) };
}

/** Where plain descent moves a weight next. */
export function nextPutIn(run: Run, frame: number, index: number): string | null {
  const { scene, descent, judged } = run;
  const value = descent.values[frame]?.[index];
  const slope = descent.gradient?.[frame]?.[index];
  if (value === undefined || slope === undefined) return null;
  if (judged.document.descent.optimizer !== PLAIN) return null;
  const drawn = inside(judged.equations?.names[scene.live.weights[index] ?? ""] ?? "");
  return joined(
    `${drawn}<mo>←</mo>${result(value)}<mo>−</mo>${written(descent.lr)}<mo>⋅</mo>`,
    `${written(slope, 5)}${equals(value - descent.lr * slope)}`,
  );
}

/** The length of a gradient. */
export function lengthPutIn(slope: readonly number[]): string {
  const squares = slope.slice(0, 4).map((one) => `<msup>${written(one)}<mn>2</mn></msup>`);
  if (slope.length > 4) squares.push("<mo>…</mo>");
  return joined(`<msqrt>${squares.join("<mo>+</mo>")}</msqrt>`, equals(Math.hypot(...slope)));
}

const grouped = (term: string): string =>
  /<mo>[−+]<\/mo>/.test(term.replace(/<mrow>.*<\/mrow>/, ""))
    ? `<mrow><mo>(</mo>${term}<mo>)</mo></mrow>`
    : term;

/** A weight after a step of plain descent, from the step before. */
export function weightPutIn(run: Run, frame: number, weight: string): string | null {
  const { scene, descent, judged } = run;
  const index = scene.live.weights.indexOf(weight);
  const follows = descent.frames[frame - 1] === (descent.frames[frame] ?? 0) - 1;
  const slope = descent.gradient?.[frame - 1]?.[index];
  if (!follows || slope === undefined || judged.document.descent.optimizer !== PLAIN) return null;
  const before = descent.values[frame - 1]![index]!;
  const drawn = judged.equations?.names[weight] ?? "";
  return joined(
    `${inside(drawn)}<mo>=</mo>${result(before)}<mo>−</mo>${written(descent.lr)}`,
    `<mo>⋅</mo>${written(slope, 5)}${equals(descent.values[frame]![index]!, 6)}`,
  );
}
