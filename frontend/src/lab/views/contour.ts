// The loss over two weights, the path on it, and the start as a handle to drag.

import { html, svg } from "../../dom";
import { outlines, pair } from "../../figures/contour";
import { CROSS, plot, type Plot } from "../../frame";
import { at, line } from "../../path";
import { roomy, extent } from "../../scale";
import { cut, number } from "../../words";
import type { Descent } from "../scene";
import { makeKnob, makeOverlay, NUDGE, onHold, REST } from "./overlay";
import type { Paint, Size } from "./view";

/** The start moves by hand: at every move the weights of the plane, and whether the hand let go. */
export type Drag = (start: Record<string, number>, done: boolean) => void;

const [LABELS, APART] = [5, 42];

export const paintContour =
  (drag: Drag): Paint =>
  (host, { live, ghost, scaled }, size) => {
    const plane = live.contour;
    if (!plane) return null;
    const [first, second] = plane.weights;
    const [across, up] = plane.weights.map((name) => live.weights.indexOf(name)) as [
      number,
      number,
    ];
    const stack = html("div", { class: "stack" });
    host.append(stack);
    const side = (values: number[]) => roomy("linear", extent("linear", values), 0);
    const frame = plot(stack, size, `The loss over ${first} and ${second}`, {
      x: { axis: { label: first, scale: "linear" }, domain: side(plane.grid_x) },
      y: { axis: { label: second, scale: "linear" }, domain: side(plane.grid_y), plain: true },
    });
    const { x, y, width, height } = frame;
    // Where a weight may be another, no single place is the minimum.
    const open = plane.weights.some((name) => live.minimum?.undetermined.includes(name));
    const known = open ? null : live.minimum;
    const best = known && [first, second].map((name) => known.weights[name] ?? NaN);
    const taken: [number, number][] = best ? [[x(best[0]!), y(best[1]!)]] : [];
    let labels = 0;
    for (const { value, rings } of outlines(plane, x, y)) {
      frame.path("level-line", rings.map((ring) => `M${ring.map(pair).join("L")}Z`).join(""));
      const free = ([left, top]: [number, number]): boolean =>
        left > 24 &&
        left < width - 24 &&
        top > 14 &&
        top < height - 14 &&
        taken.every(([otherX, otherY]) => Math.hypot(left - otherX, top - otherY) > APART);
      const spot = labels < LABELS ? rings.flat().find(free) : undefined;
      if (!spot) continue;
      taken.push(spot);
      labels += 1;
      frame.say("level-label", number(value, 3), spot[0], spot[1] + 4, "middle");
    }
    const through = ({ values }: Descent, a: number, b: number, n = values.length): string =>
      line(
        n,
        (index) => x(values[index]![a]!),
        (index) => y(values[index]![b]!),
      );
    const former = ghost?.live.weights ?? [];
    if (ghost && ghost.scaled === scaled && former.includes(first) && former.includes(second)) {
      frame.path("before", through(ghost.descent, former.indexOf(first), former.indexOf(second)));
    }
    const ahead = frame.path("path ahead");
    if (best) {
      const spot = at(x(best[0]!), y(best[1]!));
      frame.put(svg("path", { class: "minimum", d: CROSS, transform: spot }));
    }
    const behind = frame.path("path");
    const point = frame.put(svg("circle", { class: "here", r: 5 }));

    const handle = makeHandle(frame, size, [first, second], drag);
    stack.append(handle.element);
    return (descent, index) => {
      ahead.setAttribute("d", through(descent, across, up));
      behind.setAttribute("d", through(descent, across, up, index + 1));
      const [a, b] = [descent.values[index]?.[across], descent.values[index]?.[up]];
      point.setAttribute("transform", at(x(a ?? NaN), y(b ?? NaN)));
      const begin = descent.values[0] ?? [];
      handle.place(begin[across] ?? NaN, begin[up] ?? NaN);
      return planeTitle(live.weights, plane.weights, live.minimum !== null);
    };
  };

function planeTitle(weights: string[], plane: readonly string[], known: boolean): string {
  const others = weights.filter((name) => !plane.includes(name)).map((name) => cut(name, 12));
  const [first, second] = plane.map((name) => cut(name, 16));
  const seen = `The loss over ${first} and ${second}, seen from above`;
  if (!others.length) return `${seen}; drag the start.`;
  const held = others.length > 3 ? `the other ${others.length}` : others.join(", ");
  return `${seen}, with ${held} ${known ? "as at the minimum" : "held"}; drag the start.`;
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** The start of the path. */
function makeHandle(
  frame: Plot,
  size: Size,
  [first, second]: [string, string],
  drag: Drag,
): { element: SVGSVGElement; place: (a: number, b: number) => void } {
  const { x, y, width } = frame;
  const { element, ground, found } = makeOverlay(frame, size);
  const knob = makeKnob("begin", 14, 5.5);
  const hint = svg("g", { class: "hint", "aria-hidden": "true" });
  hint.append(svg("text", { y: 4 }, "drag the start"));
  ground.append(knob, hint);
  let now: [number, number] = [NaN, NaN];
  let held = false;
  let resting = 0;
  const put = (a: number, b: number): void => {
    now = [a, b];
    for (const one of [knob, hint]) one.setAttribute("transform", at(x(a), y(b)));
    hint.classList.toggle("leftward", x(a) > width / 2);
    knob.setAttribute(
      "aria-label",
      `Start: ${first} ${number(a, 4)}, ${second} ${number(b, 4)}. Arrow keys move it.`,
    );
  };
  const inside = (value: number, [low, high]: [number, number]): number =>
    Number(Math.min(high, Math.max(low, value)).toPrecision(5));
  const go = (a: number, b: number): void => {
    element.closest(".lab")?.classList.add("has-dragged");
    put(inside(a, x.domain), inside(b, y.domain));
    drag({ [first]: now[0], [second]: now[1] }, false);
  };
  const release = (): void => {
    if (!held) return;
    held = false;
    drag({ [first]: now[0], [second]: now[1] }, true);
  };
  const take = (): void => {
    held = true;
  };
  onHold(knob, {
    take,
    release,
    move: (event) => {
      if (!held) return;
      const [left, top] = found(event);
      go(x.invert(left), y.invert(top));
    },
  });
  knob.addEventListener("keydown", (event) => {
    const [dx, dy] = ARROWS[event.key] ?? [];
    if (dx === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const far = NUDGE * (event.shiftKey ? 5 : 1);
    const step = ([low, high]: [number, number]): number => far * (high - low);
    held = true;
    go(now[0] + dx * step(x.domain), now[1] + dy! * step(y.domain));
    window.clearTimeout(resting);
    resting = window.setTimeout(release, REST);
  });
  return {
    element,
    place(a, b) {
      // While the hand holds it, it is where the hand is.
      if (!held) put(a, b);
    },
  };
}
