// How a figure is drawn, whatever its kind is.

import type { FigureData } from "../data";
import type { Draw } from "../frame";
import { DRAW } from "../generated/draw";

/** A board of a later version may have kinds that nothing here draws. */
export const drawable = ({ kind }: FigureData): boolean => Object.hasOwn(DRAW, kind);

export const draw: Draw<FigureData> = (host, data, stage) =>
  (DRAW[data.kind] as Draw<FigureData>)(host, data, stage);

const NARROWEST = 240; // pixels
const [LOW, HIGH] = [230, 290];

/** The stage of a figure for the width there is, in pixels. */
export function sizeFor(width: number): { width: number; height: number } {
  const wide = Math.max(NARROWEST, Math.floor(width));
  return { width: wide, height: Math.round(Math.min(HIGH, Math.max(LOW, wide * 0.68))) };
}

/** What stands below a figure: what it holds fixed or is bounded by, and its notes. */
export function notesOf(data: FigureData): string {
  const said = [];
  if ("held" in data && data.held) said.push(data.held.text);
  if ("bound_text" in data) said.push(data.bound_text);
  return sentences([...said, ...data.notes]);
}

export const sentences = (said: string[]): string =>
  said
    .filter(Boolean)
    .map((text) => (/[.:;]$/.test(text) ? text : `${text}.`))
    .join(" ");
