// The descent before a change, which stays in sight beside the new one, dotted.

import { placeOf, type Problem } from "./contract";
import { quickView } from "./quick";
import { descentAt, sceneOf, type Descent, type Scene } from "./scene";

export type Ghost = Scene["ghost"];

export interface Former {
  /** What is seen now is what was before, from here on. */
  keep: (problem: Problem, scene: Scene, descent: Descent) => Ghost;
  /** The descent of a problem, as it ran: its own learning rate among its own. */
  of: (problem: Problem | null) => Promise<Ghost>;
}

export function makeFormer(): Former {
  let kept: { problem: Problem; ghost: Ghost } | null = null;
  return {
    keep(problem, { live, model, scaled }, descent) {
      kept = { problem, ghost: { live, model, scaled, descent } };
      return kept.ghost;
    },
    async of(problem) {
      if (!problem) return null;
      if (kept?.problem === problem) return kept.ghost;
      const { live, model, scaled } = sceneOf(await quickView(problem, null), problem.standardize);
      if (!live.rates.length) return null;
      return { live, model, scaled, descent: descentAt(live, placeOf(live, problem.lr)) };
    },
  };
}
