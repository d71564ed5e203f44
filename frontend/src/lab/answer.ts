// The answer to a number that was asked: above the timeline, and with the cursor.

import { html, reachable } from "../dom";
import { onAsk, type Question } from "./asked";
import type { Situation } from "./parts/part";
import { sourceOf } from "./sources";

export interface Answer {
  element: HTMLElement;
  show: (frame: number) => void;
  /** A judged run, or null while there is none. */
  judge: (run: Omit<Situation, "frame"> | null) => void;
}

export function makeAnswer(root: HTMLElement): Answer {
  const title = html("p", { class: "part-sentence" });
  const close = html("button", { type: "button" }, "Close");
  const body = html("div", { class: "answer-body" });
  const head = html("div", { class: "answer-head" }, title, close);
  const element = html("section", {
    class: "answer",
    "aria-label": "Where this number comes from",
  });
  element.append(head, body);
  element.tabIndex = -1;
  element.hidden = true;
  let asked: Question | null = null;
  let from: HTMLElement | null = null;
  let run: Omit<Situation, "frame"> | null = null;

  const show = (frame: number): void => {
    if (!asked) return;
    const source = run && sourceOf(asked, { ...run, frame });
    if (!source) {
      title.textContent = run
        ? "This number is not known for this run."
        : "Where this number comes from";
      body.replaceChildren(html("p", { class: "waiting" }, run ? "" : "The run is being judged…"));
      return;
    }
    title.textContent = source.title;
    const equations = html("div", { class: "equations" });
    equations.append(...source.equations);
    body.replaceChildren(html("p", {}, source.says), equations);
    reachable(equations);
    if (!source.torch.length) return;
    body.append(
      html("p", { class: "torch-label" }, "In PyTorch"),
      html("pre", { class: "torch", tabindex: 0 }, source.torch.join("\n")),
    );
  };
  const end = (): void => {
    asked = null;
    element.hidden = true;
    if (from?.isConnected) from.focus();
  };
  close.addEventListener("click", end);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !asked) return;
    // It closes what was opened last, and nothing else.
    event.preventDefault();
    event.stopImmediatePropagation();
    end();
  });
  onAsk(root, (question, button) => {
    asked = question;
    from = button;
    element.hidden = false;
    show(run?.cursor.frame ?? 0);
    element.focus({ preventScroll: true });
  });
  return {
    element,
    show,
    judge(judged) {
      run = judged;
      if (asked) show(run?.cursor.frame ?? 0);
    },
  };
}
