// A live figure: what stands still is drawn once a problem, a move only sets attributes.

import { html, unbroken } from "../../dom";
import { isShort } from "../projector";
import type { Descent, Scene } from "../scene";

export interface Size {
  width: number;
  height: number;
}

/** Moves the picture to a frame of a descent; what it returns is the title. */
export type Show = (descent: Descent, frame: number) => string;

/** Draws a scene into `host`; null where the problem has no such figure. */
export type Paint = (host: HTMLElement, scene: Scene, size: Size) => Show | null;

export interface View {
  kind: string;
  element: HTMLElement;
  draw: (scene: Scene) => void;
  show: (descent: Descent, frame: number) => void;
  /** A sentence that was judged takes the place of the one made here, at one frame or at all. */
  entitle: (title: string, frame: number | null) => void;
  /** The codes of the findings that speak of this figure. */
  mark: (codes: string) => void;
  resize: () => void;
}

const [NARROWEST, LOW, HIGH] = [220, 210, 300];

export function makeView(kind: string, name: string, paint: Paint): View {
  const caption = html("figcaption");
  const host = html("div", { class: "drawing" });
  const said = html("span", {}, name);
  const marks = html("span", { class: "codes" });
  caption.replaceChildren(said, marks);
  const element = html("figure", { class: kind }, caption, host);
  let scene: Scene | null = null;
  let last: [Descent, number] | null = null;
  let show: Show | null = null;
  let judged: { title: string; frame: number | null } | null = null;
  let drawn = 0;
  const size = (): Size => {
    const width = Math.max(NARROWEST, Math.floor(host.clientWidth));
    const high = isShort() ? LOW : HIGH;
    return { width, height: Math.round(Math.min(high, Math.max(LOW, width * 0.8))) };
  };
  const say = (title: string): void => {
    if (said.textContent === title) return;
    said.replaceChildren(...unbroken(title));
    host.querySelector("[role=img]")?.setAttribute("aria-label", title);
  };
  const move = (descent: Descent, frame: number): void => {
    if (last?.[0] !== descent) {
      judged = null;
      if (marks.textContent) marks.textContent = "";
    }
    last = [descent, frame];
    if (!show) return;
    const title = show(descent, frame);
    say(judged && (judged.frame === null || judged.frame === frame) ? judged.title : title);
  };
  const redraw = (): void => {
    if (!scene) return;
    const { width, height } = size();
    drawn = width;
    const focused = host.contains(document.activeElement);
    host.replaceChildren();
    said.textContent = "";
    show = paint(host, scene, { width, height });
    element.hidden = show === null;
    if (last) move(...last);
    if (focused) host.querySelector<SVGElement>("[tabindex]")?.focus();
  };
  return {
    kind,
    element,
    draw(given) {
      scene = given;
      last = null;
      element.hidden = false;
      redraw();
    },
    show: move,
    entitle(title, frame) {
      judged = { title, frame };
      if (last) move(...last);
    },
    mark(codes) {
      marks.textContent = codes;
    },
    resize() {
      if (!element.hidden && size().width !== drawn) redraw();
    },
  };
}
