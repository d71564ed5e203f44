// Words first: the headline, what was found, and what would help, each to try.

import { html } from "../dom";
import { makeFindings } from "../verdict";
import type { Judged, Remedy } from "./contract";

export interface Opinion {
  element: HTMLElement;
  /** What is known at once while a slider moves: a sentence of the sweep's. */
  say: (sentence: string) => void;
  judge: (judged: Judged) => void;
  wait: () => void;
  fail: (sentence: string) => void;
  remedies: (remedies: Remedy[]) => void;
  remediesWait: (sentence: string) => void;
  compare: (sentence: string | null) => void;
}

export function makeOpinion(tryIt: (remedy: Remedy) => void, back: () => void): Opinion {
  const headline = html("h1", { class: "headline", "aria-live": "polite" });
  const findings = html("div", { class: "found" });
  const helps = html("div", { class: "helps" });
  const compared = html("div", { class: "compared" });
  const element = html("section", { class: "verdict", "aria-label": "Verdict" });
  element.append(headline, compared, html("div", { class: "columns" }, findings, helps));
  const headed = (title: string, ...rest: (Node | string)[]): void =>
    helps.replaceChildren(html("h2", {}, title), ...rest);
  const waiting = (sentence: string): void =>
    headed("What would help", html("p", { class: "waiting", role: "status" }, sentence));

  return {
    element,
    say(sentence) {
      if (headline.textContent !== sentence) headline.textContent = sentence;
      element.classList.add("unjudged");
      if (helps.firstChild) helps.replaceChildren();
    },
    wait() {
      element.classList.add("unjudged");
    },
    judge({ board }) {
      element.classList.remove("unjudged");
      headline.textContent = board.headline;
      findings.replaceChildren();
      if (board.findings.length) {
        findings.append(html("h2", {}, "What was found"), makeFindings(board.findings));
      }
    },
    fail(sentence) {
      element.classList.remove("unjudged");
      findings.replaceChildren(html("p", { class: "failed", role: "alert" }, sentence));
      helps.replaceChildren();
    },
    remediesWait: waiting,
    remedies(found) {
      const list = html("ul", { class: "remedies", "aria-label": "Remedies" });
      for (const remedy of found) {
        const item = html("li", {}, html("span", { class: "sentence" }, remedy.sentence));
        if (remedy.problem) {
          const button = html("button", { type: "button", class: "try" }, "Try it");
          button.setAttribute("aria-label", `Try it: ${remedy.change}`);
          button.addEventListener("click", () => tryIt(remedy));
          item.append(button);
        }
        list.append(item);
      }
      if (found.length) headed("What would help", list);
      else headed("What would help", html("p", {}, "No change that was tried arrives sooner."));
    },
    compare(sentence) {
      compared.replaceChildren();
      if (sentence === null) return;
      const button = html("button", { type: "button" }, "Back to it");
      button.addEventListener("click", back);
      const swatch = html("span", { class: "before-swatch", "aria-hidden": "true" });
      compared.append(html("p", {}, swatch, sentence), button);
    },
  };
}
