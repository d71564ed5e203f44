// What else changes with a formula that somebody typed.

import type { Problem } from "./contract";

/** With a ~ it is a fit, without one an expression; starts of names that are gone go with them. */
export function typed(formula: string, { start, command }: Problem): Partial<Problem> {
  const names = new Set(formula.match(/[\p{L}_][\p{L}\p{N}_]*/gu));
  const kept = Object.entries(start).filter(([name]) => names.has(name));
  const next = formula.includes("~") ? "fit" : "minimize";
  return {
    formula,
    command: next,
    start: Object.fromEntries(kept),
    // What suited another problem does not suit this one.
    ...(next === command && kept.length === Object.keys(start).length ? {} : { lr: "auto" }),
  };
}
