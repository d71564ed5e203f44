// What the four live figures show: one descent of one problem, and maybe the one before it.

import type { Judged, Live } from "./contract";
import { modelOf, type Model } from "./model";

export interface Descent {
  lr: number;
  frames: number[];
  /** A row a frame, a column a weight, in the order of the problem's weights. */
  values: number[][];
  loss: number[];
  /** The step at which it was given up, because it diverged; null where it was not. */
  broke: number | null;
  /** Known once the run was judged. */
  gradient: number[][] | null;
}

export interface Scene {
  live: Live;
  model: Model | null;
  /** Whether the weights are those of standardized columns. */
  scaled: boolean;
  /** The descent before a remedy was tried. */
  ghost: { live: Live; model: Model | null; descent: Descent; scaled: boolean } | null;
}

export const sceneOf = (live: Live, scaled: boolean): Scene => ({
  live,
  scaled,
  model: live.model && modelOf(live.model, live.weights),
  ghost: null,
});

/** A descent as far as it went: one that diverges ends where its loss was no use any more. */
export function descentAt(live: Live, index: number): Descent {
  const broke = live.diverged[index] ? (live.walked[index] ?? null) : null;
  const n = broke === null ? live.frames.length : frameAt(live.frames, broke) + 1;
  return {
    lr: live.rates[index]!,
    frames: live.frames.slice(0, n),
    values: live.values[index]!.slice(0, n),
    loss: live.loss[index]!.slice(0, n),
    broke: broke !== null && broke < (live.frames.at(-1) ?? 0) ? broke : null,
    gradient: null,
  };
}

/** The judged run: the same descent, with its gradients. */
export function descentOf({ board, document }: Judged, live: Live): Descent {
  const places = live.weights.map((name) => board.weights.indexOf(name));
  const ordered = (rows: number[][]): number[][] =>
    rows.map((row) => places.map((place) => row[place] ?? NaN));
  return {
    lr: document.descent.lr ?? NaN,
    frames: board.frames,
    values: ordered(board.values),
    loss: board.loss,
    broke: document.descent.stopped === "diverged" ? (board.frames.at(-1) ?? null) : null,
    gradient: ordered(board.gradient),
  };
}

/** A problem of which one descent is known, as if it had been swept: for an optimizer without rates. */
export const asLive = (live: Live, { frames, values, loss }: Descent): Live => ({
  ...live,
  frames,
  values: [values],
  loss: [loss],
});

/** The frame at a step, or the last one before it. */
export const frameAt = (frames: number[], step: number): number =>
  Math.max(
    0,
    frames.findLastIndex((known) => known <= step),
  );

/** The weights at the minimum; one that may be another there is not a number. */
export const determined = (live: Live): number[] | null =>
  atMinimum(live)?.map((value, place) =>
    live.minimum!.undetermined.includes(live.weights[place]!) ? NaN : value,
  ) ?? null;

export const atMinimum = ({ weights, minimum }: Live): number[] | null =>
  minimum && weights.map((name) => minimum.weights[name] ?? NaN);
