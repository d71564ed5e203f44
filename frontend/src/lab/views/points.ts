// A row's target, moved by hand: what one wrong value does to a fit.

import { svg } from "../../dom";
import { nearest, type Plot } from "../../frame";
import { at } from "../../path";
import { number } from "../../words";
import { makeKnob, makeOverlay, NUDGE, onHold, REST } from "./overlay";
import type { Size } from "./view";

/** A row by its place among those drawn, and the target that it has now. */
export type MoveRow = (place: number, value: number) => void;

const REACH = 16; // pixels from a point

export function makePoints(
  frame: Plot,
  size: Size,
  rows: { across: readonly number[]; up: number[]; names: [string, string] },
  drag: MoveRow,
  done: MoveRow,
): SVGSVGElement {
  const { x, y, width, height } = frame;
  const { across, up, names } = rows;
  const { element, ground, found } = makeOverlay(frame, size);
  const area = svg("rect", { class: "points", width, height });
  const knob = makeKnob("row", 12, 4.5);
  ground.append(area, knob);
  let place = up.length - 1;
  let held = false;
  let resting = 0;
  const put = (next: number): void => {
    place = next;
    const [a, b] = [across[place]!, up[place]!];
    knob.setAttribute("transform", at(x(a), y(b)));
    knob.setAttribute(
      "aria-label",
      `A row: ${names[0]} ${number(a, 4)}, ${names[1]} ${number(b, 4)}. ` +
        "Up and Down move it, Left and Right go to another.",
    );
  };
  const go = (value: number): void => {
    up[place] = Number(value.toPrecision(4));
    put(place);
    drag(place, up[place]!);
  };
  const look = (event: PointerEvent): void => {
    const [left, top] = found(event);
    const near = (index: number): number =>
      Math.hypot(x(across[index]!) - left, y(up[index]!) - top);
    const next = held ? null : nearest(up.length, near, REACH);
    if (next !== null) put(next);
  };
  const release = (): void => {
    if (!held) return;
    held = false;
    done(place, up[place]!);
  };
  area.addEventListener("pointermove", look);
  area.addEventListener("pointerdown", look);
  const take = (): void => {
    held = true;
  };
  onHold(knob, {
    take,
    release,
    move: (event) => {
      if (held) go(y.invert(found(event)[1]));
    },
  });
  knob.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const by = { ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (along === undefined && by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (along !== undefined) {
      release();
      put((place + along + up.length) % up.length);
      return;
    }
    held = true;
    const [low, high] = y.domain;
    go(up[place]! + by! * NUDGE * (event.shiftKey ? 5 : 1) * (high - low));
    window.clearTimeout(resting);
    resting = window.setTimeout(release, REST);
  });
  put(place);
  return element;
}
