// Words first: the headline with what would help, each to try; further down what was found.

import { html, unbroken } from "../dom";
import { makeFindings } from "../verdict";
import { stepsOf } from "../words";
import { askIn, type Quantity } from "./asked";
import type { Judged, Remedy } from "./contract";

export interface Opinion {
  /** The headline and the remedies as buttons. */
  element: HTMLElement;
  /** All sentences, for below the figures. */
  details: HTMLElement;
  /** What is known at once while a slider moves: a sentence of the sweep's. */
  say: (sentence: string) => void;
  /** `known` are numbers in its sentences that can be asked. */
  judge: (judged: Judged, known: Quantity[]) => void;
  fail: (sentence: string) => void;
  remedies: (remedies: Remedy[]) => void;
  remediesWait: (sentence: string) => void;
  /** The descent before a remedy is in sight, or not any more. */
  compare: (sentence: string | null) => void;
}

export function makeOpinion(tryIt: (remedy: Remedy) => void, back: () => void): Opinion {
  const headline = html("h1", { class: "headline", "aria-live": "polite" });
  const helps = html("div", { class: "helps" });
  const compared = html("div", { class: "compared" });
  const element = html("section", { class: "verdict", "aria-label": "Verdict" });
  element.append(headline, html("div", { class: "help-row" }, helps, compared));
  const findings = html("div", { class: "found" });
  const sentences = html("div", { class: "sentences" });
  const details = html("section", { class: "columns", "aria-label": "Findings and remedies" });
  details.append(findings, sentences);
  const forget = (): void => {
    helps.replaceChildren();
    sentences.replaceChildren();
  };

  return {
    element,
    details,
    say(sentence) {
      if (headline.textContent !== sentence) headline.replaceChildren(...unbroken(sentence));
      details.classList.add("stale");
      if (helps.firstChild) forget();
    },
    judge({ board }, known) {
      details.classList.remove("stale");
      headline.replaceChildren(...unbroken(board.headline));
      askIn(headline, known);
      findings.replaceChildren();
      if (!board.findings.length) return;
      const list = makeFindings(board.findings);
      for (const sentence of list.querySelectorAll<HTMLElement>(".sentence"))
        askIn(sentence, known);
      findings.append(html("h2", {}, "What was found"), list);
    },
    fail(sentence) {
      findings.replaceChildren();
      sentences.replaceChildren();
      helps.replaceChildren(html("p", { class: "failed", role: "alert" }, sentence));
    },
    remediesWait(sentence) {
      helps.replaceChildren(html("p", { class: "waiting", role: "status" }, sentence));
    },
    remedies(found) {
      forget();
      if (!found.length) {
        helps.append(html("p", { class: "waiting" }, "No change that was tried arrives sooner."));
        return;
      }
      const list = html("ul", { class: "remedies", "aria-label": "Remedies" });
      for (const remedy of found) {
        list.append(html("li", {}, ...unbroken(remedy.sentence)));
        const { change, measured_steps: steps } = remedy;
        if (!remedy.problem) continue;
        const goal = steps === null ? "" : `: ${stepsOf(steps)}`;
        const button = html("button", { type: "button", class: "try" }, `Try ${change}${goal}`);
        button.title = remedy.sentence;
        button.addEventListener("click", () => tryIt(remedy));
        helps.append(button);
      }
      sentences.append(html("h2", {}, "What would help"), list);
    },
    compare(sentence) {
      compared.replaceChildren();
      if (sentence === null) return;
      const button = html("button", { type: "button" }, "Go back");
      button.addEventListener("click", back);
      const swatch = html("span", { class: "before-swatch", "aria-hidden": "true" });
      compared.append(html("p", {}, swatch, sentence), button);
    },
  };
}
