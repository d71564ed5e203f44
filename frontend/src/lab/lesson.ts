// A lesson: stops that set the page, ask for a prediction, and then show what happens.

import { html } from "../dom";
import type { Lesson, State, Stop } from "./contract";
import { withMinus, written } from "./markdown";

export interface LessonPanel {
  element: HTMLElement;
  /** Where it is entered. */
  button: HTMLElement;
  offer: (lesson: Lesson) => void;
  /** The words of a stop; null for none. It is said and not heard. */
  at: (stop: number | null) => void;
}

export interface LessonHeard {
  /** A stop was come to; null when the lesson is left. */
  stop: (place: number | null, state: State | null) => void;
  /** Its prediction was made, and this is what it comes to. */
  reveal: (stop: Stop) => void;
}

export function makeLesson({ stop: come, reveal }: LessonHeard): LessonPanel {
  const title = html("h2", { class: "lesson-title" });
  const where = html("span", { class: "lesson-place" });
  const body = html("div", { class: "lesson-body" });
  const back = html("button", { type: "button" }, "Back");
  const next = html("button", { type: "button" }, "Next");
  const leave = html("button", { type: "button" }, "Leave");
  const ways = html("div", { class: "row-buttons lesson-ways" }, back, next, leave);
  const element = html("section", { class: "lesson", "aria-label": "Lesson" });
  element.append(where, title, body, ways);
  element.hidden = true;
  const button = html("button", { type: "button", hidden: true }, "Lesson");
  let stops: Stop[] = [];
  let here: number | null = null;

  const at = (stop: number | null): void => {
    if (stop === here) return;
    here = stop !== null && stops[stop] ? stop : null;
    element.hidden = here === null;
    const page = element.parentElement;
    page?.classList.toggle("learning", here !== null);
    // What would answer the question is out of sight until it is answered.
    page?.classList.toggle("asking", here !== null);
    if (here === null) return;
    where.textContent = `Stop ${here + 1} of ${stops.length}`;
    title.textContent = stops[here]!.title;
    back.disabled = here === 0;
    next.disabled = here === stops.length - 1;
    body.replaceChildren(...written(stops[here]!.text), asked(stops[here]!, reveal));
    element.scrollTop = 0;
  };
  const go = (to: number | null): void => {
    if (to !== null && !stops[to]) return;
    at(to);
    come(to, to === null ? null : stops[to]!.state);
  };
  back.addEventListener("click", () => go(here! - 1));
  next.addEventListener("click", () => go(here! + 1));
  leave.addEventListener("click", () => go(null));
  button.addEventListener("click", () => go(here ?? 0));
  // What a presenter's remote control sends.
  document.addEventListener("keydown", (event) => {
    const by = { PageDown: 1, PageUp: -1 }[event.key];
    if (here === null || by === undefined || event.defaultPrevented) return;
    event.preventDefault();
    go(here + by);
  });
  return {
    element,
    button,
    at,
    offer(lesson) {
      stops = lesson.stops;
      button.hidden = !stops.length;
    },
  };
}

/** The question of a stop, and what is told once it is answered. */
function asked(stop: Stop, reveal: (stop: Stop) => void): HTMLElement {
  const { ask, choices, answer, reveals } = stop;
  const said = html("div", { class: "lesson-reveal", role: "status" });
  const buttons = (choices.length ? choices : ["Show what happens"]).map((choice, index) => {
    const one = html("button", { type: "button", "aria-pressed": "false" }, withMinus(choice));
    one.addEventListener("click", () => {
      for (const other of buttons) {
        other.disabled = true;
        other.setAttribute("aria-pressed", String(other === one));
      }
      if (answer !== null) buttons[answer - 1]!.classList.add("right");
      const right = index + 1 === answer;
      const verdict = right ? "Right." : `It is: ${withMinus(choices[(answer ?? 1) - 1] ?? "")}.`;
      said.replaceChildren(
        ...(answer === null ? [] : [html("p", {}, html("strong", {}, verdict))]),
        ...written(reveals),
      );
      const panel = said.closest(".lesson");
      panel?.parentElement?.classList.remove("asking");
      panel?.scrollTo({ top: panel.scrollHeight });
      reveal(stop);
    });
    return one;
  });
  const question = ask ? [html("p", { class: "lesson-ask" }, withMinus(ask))] : [];
  return html("div", {}, ...question, html("div", { class: "choices" }, ...buttons), said);
}
