// The seven parts of a step, one at a time: what each does with the user's own numbers.

import type { Cursor } from "../cursor";
import { html, iconButton, reachable } from "../dom";
import type { Judged } from "./contract";
import { PARTS, type Part, type Situation } from "./parts/part";
import { gradientPart } from "./parts/gradient";
import { initialize, lossPart, predict, repeat, stepPart, stopPart } from "./parts/plain";
import type { Descent, Scene } from "./scene";

const SHOW: Record<string, (situation: Situation) => Part> = {
  initialize,
  predict,
  loss: lossPart,
  gradient: gradientPart,
  step: stepPart,
  repeat,
  stop: stopPart,
};

export interface Player {
  /** The row of buttons, for the timeline. */
  parts: HTMLElement;
  element: HTMLElement;
  show: (frame: number) => void;
  /** A judged run, or null while there is none. */
  judge: (judged: Judged | null, scene?: Scene, descent?: Descent) => void;
  open: (part: string | null) => void;
  resize: () => void;
}

export function makePlayer(cursor: Cursor, opened: (part: string | null) => void): Player {
  const element = html("section", { class: "part", "aria-label": "One step", id: "part" });
  const parts = html("div", { class: "parts", role: "group", "aria-label": "The parts of a step" });
  let open: string | null = null;
  let situation: Omit<Situation, "frame"> | null = null;
  let part: Part | null = null;
  element.hidden = true;

  const buttons = PARTS.map((name, index) => {
    const button = html("button", { type: "button", "aria-pressed": "false" }, name);
    button.title = `${name} (${index + 1})`;
    button.addEventListener("click", () => choose(open === name ? null : name));
    return button;
  });
  const on = iconButton("The next part (n)", "M6,3.5L10.5,8l-4.5,4.5", () => go(1));
  const back = iconButton("The part before (p)", "M10,3.5L5.5,8l4.5,4.5", () => go(-1));
  parts.append(back, ...buttons, on);

  const redraw = (): void => {
    element.hidden = open === null;
    part = null;
    buttons.forEach((button, index) =>
      button.setAttribute("aria-pressed", String(PARTS[index] === open)),
    );
    if (open === null) return;
    if (!situation) {
      element.replaceChildren(html("p", { class: "waiting" }, "The run is being judged…"));
      return;
    }
    const frame = Math.min(cursor.frame, situation.descent.frames.length - 1);
    part = SHOW[open]!({ ...situation, frame });
    element.replaceChildren(part.element);
    part.resize?.();
    part.show(frame);
    reach();
  };
  const reach = (): void => {
    for (const wide of element.querySelectorAll<HTMLElement>(".equations, .table")) reachable(wide);
  };
  const choose = (name: string | null): void => {
    open = name;
    // Where a part belongs to one end of the descent, the cursor goes there.
    if (name === "initialize") cursor.go(0);
    if (name === "stop") cursor.go(cursor.last);
    redraw();
    opened(open);
    if (open) element.scrollIntoView({ block: "nearest" });
  };
  const go = (by: 1 | -1): void => {
    const next = after(open, by, cursor);
    if (!next) return;
    if (next.frame !== cursor.frame) cursor.go(next.frame);
    choose(next.part);
  };
  hear({ choose, go, close: () => open !== null && choose(null) });

  return {
    parts,
    element,
    show(frame) {
      part?.show(frame);
      reach();
    },
    judge(judged, scene, descent) {
      situation = judged && scene && descent ? { judged, scene, descent, cursor } : null;
      element.classList.toggle("stale", !situation);
      if (situation) redraw();
      else part = null;
    },
    open(name) {
      open = PARTS.find((known) => known === name) ?? null;
      redraw();
    },
    resize() {
      part?.resize?.();
      reach();
    },
  };
}

interface Keys {
  choose: (part: string) => void;
  go: (by: 1 | -1) => void;
  /** False where nothing is open. */
  close: () => unknown;
}

/** The keys of the parts, while no text is written. */
function hear({ choose, go, close }: Keys): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target instanceof Element && target.closest("input, textarea, select")) return;
    const number = Number(event.key);
    if (number >= 1 && number <= PARTS.length) choose(PARTS[number - 1]!);
    else if (event.key === "n") go(1);
    else if (event.key === "p") go(-1);
    else if (event.key !== "Escape" || close() === false) return;
    event.preventDefault();
  });
}

/** From part to part: after repeat comes the next step's prediction, at the end stop. */
function after(
  open: string | null,
  by: 1 | -1,
  { frame, last }: Cursor,
): { part: string | null; frame: number } | null {
  if (open === null) return { part: by > 0 ? "initialize" : "stop", frame };
  if (open === (by > 0 ? "stop" : "initialize")) return null;
  if (by > 0 && open === "repeat" && frame < last) return { part: "predict", frame: frame + 1 };
  if (by < 0 && open === "predict" && frame > 0) return { part: "repeat", frame: frame - 1 };
  const here = PARTS.indexOf(open as (typeof PARTS)[number]);
  return { part: PARTS[here + by] ?? null, frame };
}
