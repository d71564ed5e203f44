// What every answer is made from: a judged run at a step, and the lines of its script.

import { count } from "../../words";
import type { Question } from "../asked";
import { equation } from "../mathml";
import type { Situation } from "../parts/part";

export interface Source {
  title: string;
  says: string;
  equations: Element[];
  /** Lines that make the number, or print it. */
  torch: string[];
}

/** A situation at the step that was asked about. */
export interface Asked extends Situation {
  step: string;
  /** The lines of PyTorch that do these parts of a step. */
  lines: (...parts: string[]) => string[];
}

export function askedAt(question: Question, situation: Situation): Asked {
  const { descent, judged } = situation;
  const last = descent.frames.length - 1;
  const frame =
    question.at === "start" ? 0 : question.at === "end" ? last : Math.min(situation.frame, last);
  return {
    ...situation,
    frame,
    step: count(descent.frames[frame] ?? 0),
    lines: (...parts) => parts.flatMap((part) => judged.torch[part] ?? []),
  };
}

/** An equation where there is one; `text` says it to who cannot see it. */
export const drawn = (mathml: string | null | undefined, text: string): Element[] =>
  mathml ? [equation(mathml, text)] : [];
