// The losses once more, for what one tries by hand: each is a mean over rows. What is computed
// here is shown only where it agrees with the loss that was measured.

import type { Live, RunDocument } from "./contract";
import { LOSSES } from "./methods";
import { computed, type Model } from "./model";

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
  const loss = Object.hasOwn(LOSSES, name ?? "") ? LOSSES[name!]! : null;
  if (!loss || rows.of !== rows.target.length) return null;
  const t = Float64Array.from(rows.target);
  return (weights) => {
    const p = model.atRows(weights);
    const costs = computed(loss.cost, { p, t, r: p.map((said, row) => said - t[row]!) });
    const mean = costs.reduce((total, cost) => total + cost, 0) / t.length;
    return loss.root ? Math.sqrt(mean) : mean;
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
