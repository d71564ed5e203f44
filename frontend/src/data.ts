// What Python makes: a board, its figures, and numbers that JSON cannot write revived.

import { NUMERIC, type FigureData } from "./generated/figures";

export type * from "./generated/figures";

export interface Board {
  formula: string;
  headline: string;
  findings: { code: string; severity: string; sentence: string }[];
  remedies: { change: string; sentence: string; command: string | null }[];
  frames: number[];
  at: number;
  weights: string[];
  values: number[][];
  gradient: number[][];
  loss: number[];
  notes: string[];
  figures: FigureData[];
}

const SPOKEN = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** Revives the numbers under the keys in `names`; elsewhere "NaN" is a word, say a column's name. */
export function numeric(names: Iterable<string>): (raw: unknown) => unknown {
  const known = new Set(names);
  const revived = (value: unknown, spoken: boolean): unknown => {
    if (typeof value === "string") return spoken ? (SPOKEN.get(value) ?? value) : value;
    if (Array.isArray(value)) return value.map((entry) => revived(entry, spoken));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, revived(entry, known.has(key))]),
    );
  };
  return (raw) => revived(raw, false);
}
const revive = numeric(NUMERIC);

/** A board from parsed JSON; a figure alone becomes a board of one. */
export function read(raw: unknown): Board {
  const given = revive(raw) as Partial<Board> & Partial<FigureData>;
  const alone = typeof given.kind === "string" ? [given as FigureData] : [];
  const frames = given.frames?.length ? given.frames : [0];
  return {
    formula: given.formula ?? "",
    headline: given.headline ?? "",
    findings: given.findings ?? [],
    remedies: given.remedies ?? [],
    frames,
    at: Math.min(Math.max(given.at ?? frames.length - 1, 0), frames.length - 1),
    weights: (given as Partial<Board>).weights ?? [],
    // A figure alone has keys of these names that mean something of its own.
    values: alone.length ? [] : ((given as Partial<Board>).values ?? []),
    gradient: given.gradient ?? [],
    loss: alone.length ? [] : ((given as Partial<Board>).loss ?? []),
    notes: alone.length ? [] : (given.notes ?? []),
    figures: alone.length ? alone : (given.figures ?? []),
  };
}
