// The page's state as the fragment of its address: base64url of JSON. An address comes from anywhere.

import type { Problem } from "./contract";
import { PLAIN } from "./methods";

export interface Place {
  problem: Problem;
  /** The step at which the cursor stays; null is the last. */
  step: number | null;
  /** The weights of the contour, where they were chosen. */
  plane: [string, string] | null;
  /** The open part of a step. */
  part: string | null;
  /** The descent that the present one is compared with. */
  before: Problem | null;
  /** The stop of the lesson, from 0. */
  stop: number | null;
}

/** What a file begins with: a formula is put in when it is read. */
export const EMPTY: Problem = {
  example: null,
  upload: null,
  command: "fit",
  formula: "",
  loss: null,
  optimizer: PLAIN,
  momentum: null,
  lr: "auto",
  steps: 10,
  start: {},
  standardize: false,
  rescale: false,
  seed: 0,
  batch_size: null,
};

/** Where nobody has looked around yet. */
export const FRESH = { step: null, plane: null, before: null, stop: null };

export function written({ problem, step, plane, part, before, stop }: Place): string {
  // In one order, wherever the problem came from: one place has one address.
  const place = { ...problemOf(problem), step, plane, part, before: problemOf(before), stop };
  const bytes = new TextEncoder().encode(JSON.stringify(place));
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The state that a fragment holds, or null where it holds none. */
export function understood(fragment: string): Place | null {
  const text = fragment.replace(/^#/, "");
  if (!text) return null;
  try {
    const bytes = Uint8Array.from(
      atob(text.replaceAll("-", "+").replaceAll("_", "/")),
      (character) => character.charCodeAt(0),
    );
    const given = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const problem = problemOf(given);
    return (
      problem && {
        problem,
        step: typeof given["step"] === "number" ? given["step"] : null,
        plane: pairOf(given["plane"]),
        part: typeof given["part"] === "string" ? given["part"] : null,
        before: problemOf(given["before"]),
        stop: typeof given["stop"] === "number" ? given["stop"] : null,
      }
    );
  } catch {
    // Not base64, or not JSON: an address that was cut off.
    return null;
  }
}

const pairOf = (raw: unknown): [string, string] | null =>
  Array.isArray(raw) && raw.length === 2 && raw.every((name) => typeof name === "string")
    ? (raw as [string, string])
    : null;

export function problemOf(raw: unknown): Problem | null {
  if (raw === null || typeof raw !== "object") return null;
  const given = raw as Record<string, unknown>;
  const { formula, lr, steps, start } = given;
  if (typeof formula !== "string") return null;
  const text = (name: string): string | null =>
    typeof given[name] === "string" ? (given[name] as string) : null;
  const count = (name: string): number | null =>
    typeof given[name] === "number" ? (given[name] as number) : null;
  const begins = start !== null && typeof start === "object" ? Object.entries(start) : [];
  return {
    example: text("example"),
    upload: text("upload"),
    command: given["command"] === "minimize" ? "minimize" : "fit",
    formula,
    loss: text("loss"),
    optimizer: text("optimizer") ?? PLAIN,
    momentum: count("momentum"),
    lr: typeof lr === "number" && lr > 0 ? lr : "auto",
    steps: typeof steps === "number" ? steps : 10,
    start: Object.fromEntries(
      begins.filter((entry): entry is [string, number] => typeof entry[1] === "number"),
    ),
    standardize: given["standardize"] === true,
    rescale: given["rescale"] === true,
    seed: count("seed") ?? 0,
    batch_size: count("batch_size"),
  };
}
