// What is dragged lies over a picture, which to a screen reader is one image.

import { svg } from "../../dom";
import type { Plot } from "../../frame";
import type { Size } from "./view";

export interface Overlay {
  element: SVGSVGElement;
  /** Has the pixels of the plotting area. */
  ground: SVGGElement;
  /** Where in it a pointer is; beyond its edges, at them. */
  found: (event: PointerEvent) => [number, number];
}

export const NUDGE = 0.02; // of a side, an arrow key
export const REST = 350; // milliseconds after which a key has let go

/** What is held: a small circle, and around it room for a finger. */
export const makeKnob = (name: string, grip: number, radius: number): SVGGElement =>
  svg(
    "g",
    { class: `handle ${name}`, role: "button", tabindex: 0 },
    svg("circle", { class: "grip", r: grip }),
    svg("circle", { class: "start", r: radius }),
  );

export function makeOverlay({ width, height, picture }: Plot, size: Size): Overlay {
  const inner = picture.querySelector("svg")!;
  const shift = [Number(inner.getAttribute("x")) + 7, Number(inner.getAttribute("y"))] as const;
  const ground = svg("g", { transform: `translate(${shift[0]},${shift[1]})` });
  const viewBox = `0 0 ${size.width} ${size.height}`;
  const element = svg("svg", { class: "overlay", viewBox }, ground);
  const found = (event: PointerEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    const ratio = size.width / box.width;
    const left = (event.clientX - box.left) * ratio - shift[0];
    const top = (event.clientY - box.top) * ratio - shift[1];
    return [Math.min(width, Math.max(0, left)), Math.min(height, Math.max(0, top))];
  };
  return { element, ground, found };
}

/** A pointer takes a knob, moves it, and lets it go. */
export function onHold(
  knob: SVGGElement,
  hand: { take: () => void; move: (event: PointerEvent) => void; release: () => void },
): void {
  knob.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    hand.take();
    knob.setPointerCapture(event.pointerId);
    event.preventDefault();
    knob.focus();
  });
  // On a phone the figures would be swiped: inside of a picture `touch-action` does not prevent it.
  knob.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  knob.addEventListener("pointermove", hand.move);
  knob.addEventListener("pointerup", hand.release);
  knob.addEventListener("pointercancel", hand.release);
}
