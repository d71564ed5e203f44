// Where a number comes from: in words, as an equation with the numbers in it, and in PyTorch.

import { number } from "../../words";
import type { Question } from "../asked";
import type { Situation } from "../parts/part";
import { SOURCES } from "./plain";
import { sourceOfRow } from "./rows";
import { askedAt, type Source } from "./source";
import { sourceOfWeight } from "./weights";

/** The answer to a question about a judged run, at a frame. */
export function sourceOf(question: Question, situation: Situation): Source | null {
  const run = askedAt(question, situation);
  if ("weight" in question) return sourceOfWeight(question.about, question.weight, run);
  if ("place" in question) return sourceOfRow(question.about, question.place, run);
  if (question.about !== "evidence") return SOURCES[question.about](run);
  return {
    title: `${question.name.replaceAll("_", " ")}: ${number(question.value, 8)}`,
    says:
      `This was measured for the check ${question.code}. How it judges, and from which source: ` +
      `steepest explain ${question.code}`,
    equations: [],
    torch: [],
  };
}
