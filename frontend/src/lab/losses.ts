// The losses once more, for what one tries by hand: each is a mean over rows. What is computed
// here is shown only where it agrees with the loss that was measured.

import type { Live, RunDocument } from "./contract";
import type { Model } from "./model";

type Cost = (prediction: number, target: number) => number;

const huber: Cost = (prediction, target) => {
  const size = Math.abs(prediction - target);
  return size <= 1 ? size ** 2 / 2 : size - 0.5;
};
const entropy: Cost = (p, target) =>
  -((target === 0 ? 0 : target * Math.log(p)) + (target === 1 ? 0 : (1 - target) * Math.log1p(-p)));

const COSTS: Record<string, Cost> = {
  mse: (prediction, target) => (prediction - target) ** 2,
  rmse: (prediction, target) => (prediction - target) ** 2,
  mae: (prediction, target) => Math.abs(prediction - target),
  huber,
  "cross-entropy": entropy,
};

const costOf = (loss: string): Cost | null => (Object.hasOwn(COSTS, loss) ? COSTS[loss]! : null);

export type LossAt = (weights: readonly number[]) => number;

const AGREES = 1e-4;

/** The loss at any weights, where the page has all rows and agrees with what was measured. */
export function lossOf(
  live: Live,
  model: Model | null,
  { problem }: RunDocument,
  known: { values: number[]; loss: number },
): LossAt | null {
  const found = lossFrom(live, model, problem.loss);
  if (!found) return null;
  const here = found(known.values);
  return Math.abs(here - known.loss) <= AGREES * Math.abs(known.loss) + 1e-12 ? found : null;
}

function lossFrom(live: Live, model: Model | null, name: string | null): LossAt | null {
  if (!model) return null;
  const rows = live.model?.rows;
  if (!rows) return (weights) => model.alone(weights);
  const cost = costOf(name ?? "");
  if (!cost || rows.of !== rows.target.length) return null;
  return (weights) => {
    const said = model.atRows(weights);
    const sum = rows.target.reduce((total, target, row) => total + cost(said[row]!, target), 0);
    const mean = sum / rows.target.length;
    return name === "rmse" ? Math.sqrt(mean) : mean;
  };
}

/** The gradient by differences to either side. */
export function slopes(loss: LossAt, weights: readonly number[]): number[] {
  return weights.map((value, index) => {
    const h = 1e-5 * Math.max(1, Math.abs(value));
    const moved = (by: number): number =>
      loss(weights.map((known, place) => (place === index ? known + by : known)));
    return (moved(h) - moved(-h)) / (2 * h);
  });
}
