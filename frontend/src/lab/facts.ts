// The numbers of a judged run: in one line, and found again in the sentences about it.

import { html } from "../dom";
import { number } from "../words";
import { askable, type Plain, type Quantity } from "./asked";
import type { Judged } from "./contract";
import type { Descent, Scene } from "./scene";

export interface Facts {
  judge: (judged: Judged, scene: Scene, descent: Descent) => void;
  show: (frame: number) => void;
}

/** Where a curvature was taken. */
const PLACES: Record<string, string> = {
  start: "(at the start)",
  end: "(where it ended)",
  minimum: "(at the minimum)",
};

export function makeFacts(into: HTMLElement): Facts {
  const element = html("p", { class: "facts", "aria-label": "Numbers of this run", role: "group" });
  into.prepend(element);
  const loss = askable({ about: "loss" });
  const length = askable({ about: "length" });
  let ran: Descent | null = null;
  const show = (frame: number): void => {
    if (!ran) return;
    loss.textContent = number(ran.loss[frame] ?? NaN, 6);
    length.textContent = number(Math.hypot(...(ran.gradient?.[frame] ?? [NaN])), 4);
  };
  return {
    show,
    judge({ document }, { live }, descent) {
      ran = descent;
      const { minimum, curvature, stability_limit: limit, forecast } = document;
      element.replaceChildren(
        html("span", { class: "fact" }, "loss ", loss),
        html("span", { class: "fact" }, "length of the gradient ", length),
      );
      const add = (name: string, about: Plain, value: number | null, digits = 5): void => {
        if (value === null || !Number.isFinite(value)) return;
        const asked = askable({ about }, number(value, digits));
        element.append(html("span", { class: "fact" }, `${name} `, asked));
      };
      add("minimum", "minimum", minimum?.loss ?? null);
      add("goal", "goal", live.goal);
      add("learning rate", "rate", document.descent.lr);
      const where = live.limit_at && curvature?.at ? ` ${PLACES[curvature.at] ?? ""}` : "";
      add(`stable up to${where}`, "limit", limit);
      add("largest curvature", "largest", curvature?.largest ?? null);
      add("smallest", "smallest", curvature?.smallest ?? null);
      add("condition", "condition", curvature?.condition ?? null, 6);
      add("steps to the goal", "forecast", forecast?.steps ?? null, 9);
      show(descent.frames.length - 1);
    },
  };
}

/** Numbers that a sentence about the run may hold, the best known first. */
export function quantitiesOf({ document }: Judged, descent: Descent): Quantity[] {
  const { minimum, curvature, stability_limit, forecast, verdict } = document;
  const found: Quantity[] = [];
  const add = (value: unknown, question: Quantity["question"]): void => {
    if (typeof value === "number" && Number.isFinite(value)) found.push({ value, question });
  };
  add(document.descent.final_loss, { about: "loss", at: "end" });
  add(descent.loss[0], { about: "loss", at: "start" });
  add(minimum?.loss, { about: "minimum" });
  add(curvature?.condition, { about: "condition" });
  add(curvature?.largest, { about: "largest" });
  add(curvature?.smallest, { about: "smallest" });
  add(stability_limit, { about: "limit" });
  add(forecast?.steps, { about: "forecast" });
  add(document.descent.lr, { about: "rate" });
  for (const [weight, known] of Object.entries(document.weights)) {
    add(known?.value, { about: "weight", weight, at: "end" });
    add(known?.gradient, { about: "partial", weight, at: "end" });
  }
  for (const { code, evidence } of verdict.findings) {
    for (const [name, value] of evidenced(evidence)) {
      add(value, { about: "evidence", code, name, value: Number(value) });
    }
  }
  return found;
}

/** What stands under a finding's evidence, also further in. */
function* evidenced(evidence: object, above = ""): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(evidence)) {
    if (value !== null && typeof value === "object") yield* evidenced(value, `${above}${name} `);
    else yield [`${above}${name}`, value];
  }
}
