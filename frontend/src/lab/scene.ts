// What the four live figures show: one descent of one problem, and maybe the one before it.

import type { Judged, Live } from "./contract";
import { modelOf, type Model } from "./model";

export interface Descent {
  lr: number;
  frames: number[];
  /** A row a frame, a column a weight, in the order of the problem's weights. */
  values: number[][];
  loss: number[];
  /** Known once the run was judged. */
  gradient: number[][] | null;
}

export interface Scene {
  live: Live;
  model: Model | null;
  /** The descent before a remedy was tried. */
  ghost: { live: Live; model: Model | null; descent: Descent; says: string } | null;
}

export const sceneOf = (live: Live): Scene => ({
  live,
  model: live.model && modelOf(live.model, live.weights),
  ghost: null,
});

export const descentAt = (live: Live, index: number): Descent => ({
  lr: live.rates[index]!,
  frames: live.frames,
  values: live.values[index]!,
  loss: live.loss[index]!,
  gradient: null,
});

/** The judged run: the same descent, with its gradients. */
export function descentOf({ board, document }: Judged, live: Live, lr: number): Descent {
  const places = live.weights.map((name) => board.weights.indexOf(name));
  const ordered = (rows: number[][]): number[][] =>
    rows.map((row) => places.map((place) => row[place] ?? NaN));
  return {
    lr: document.descent.lr ?? lr,
    frames: board.frames,
    values: ordered(board.values),
    loss: board.loss,
    gradient: ordered(board.gradient),
  };
}

/** The frame at a step, or the last one before it. */
export const frameAt = (frames: number[], step: number): number =>
  Math.max(
    0,
    frames.findLastIndex((known) => known <= step),
  );

export const atMinimum = ({ weights, minimum }: Live): number[] | null =>
  minimum && weights.map((name) => minimum.weights[name] ?? NaN);
