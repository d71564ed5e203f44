// What the figures share: the stage they are drawn on, axes, and choosing a step with the pointer.

import type { Cursor } from "./cursor";
import type { AxisData, Board } from "./data";
import { svg } from "./dom";
import { scale, type Scale, type Tick } from "./scale";
import { cut } from "./words";

export interface Stage {
  width: number;
  height: number;
  board: Board;
  cursor: Cursor;
}

/** Draws everything that stands still into `host`; what it returns moves the rest to a frame. */
export type Draw<D> = (host: HTMLElement, data: D, stage: Stage) => (frame: number) => void;

export interface Plot {
  picture: SVGSVGElement;
  width: number;
  height: number;
  x: Scale;
  y: Scale;
  /** A path in the plotting area, and cut off at its edges. */
  path: (name: string, d?: string) => SVGPathElement;
  /** Anything else in there. */
  put: <E extends SVGElement>(element: E) => E;
  /** Anything that may lie outside of it. */
  beside: (element: SVGElement) => void;
  /** Words, which may reach over the edges. */
  say: (name: string, text: string, x: number, y: number, anchor?: string) => void;
}

export interface Side {
  axis: AxisData;
  domain: [number, number];
  ticks?: Tick[];
  /** Whether lines at the ticks cross the plot. */
  plain?: boolean;
  /** Pixels beside the axis, where labels do not decide. */
  room?: number;
}

const TICK = 6.4; // pixels a character of a tick's label
const TOP = 22;
const BOTTOM = 38;
const PLAIN = 12;
const RIGHT = 14;
const MARK = 7;

export function picture(host: HTMLElement, text: string, width: number, height: number) {
  const root = svg("svg", {
    role: "img",
    "aria-label": text,
    viewBox: `0 0 ${width} ${height}`,
    class: "picture",
  });
  host.append(root);
  return root;
}

/** The axes, and an empty plotting area between them. */
export function plot(
  host: HTMLElement,
  stage: Pick<Stage, "width" | "height">,
  text: string,
  sides: { x: Side; y: Side },
): Plot {
  const height = stage.height - TOP - BOTTOM;
  // Below an axis without numbers and name there is no room for them.
  const named = sides.x.ticks?.length !== 0 || sides.x.axis.label;
  const root = picture(host, text, stage.width, TOP + height + (named ? BOTTOM : PLAIN));
  const y = scale(sides.y.axis.scale, sides.y.domain, [height, 0]);
  const yTicks = sides.y.ticks ?? y.ticks(Math.max(2, Math.min(6, height / 36)));
  const longest = Math.max(2, ...yTicks.map(({ label }) => label.length));
  const left = sides.y.room ?? Math.round(Math.min(longest * TICK + 10, stage.width / 3));
  const width = stage.width - left - RIGHT;
  const x = scale(sides.x.axis.scale, sides.x.domain, [0, width]);

  const axes = svg("g", { transform: `translate(${left},${TOP})`, class: "axes" });
  for (const { value, label } of yTicks) {
    const top = Math.round(y(value)) + 0.5;
    if (Number.isNaN(top)) continue;
    if (!sides.y.plain) axes.append(svg("path", { class: "grid", d: `M0,${top}H${width}` }));
    axes.append(
      svg("text", { class: "tick", x: -7, y: top + 4, "text-anchor": "end" }, cut(label, 16)),
    );
  }
  axes.append(svg("path", { class: "axis", d: `M0,${height + 0.5}H${width}` }));
  let free = -Infinity;
  for (const { value, label } of sides.x.ticks ?? x.ticks(Math.max(2, Math.min(7, width / 64)))) {
    const middle = Math.round(x(value)) + 0.5;
    const half = (label.length * TICK) / 2;
    // A label that would run into its neighbour, or out of the picture, or has no place is left out.
    if (!(middle - half >= free && middle + half <= width + RIGHT)) continue;
    free = middle + half + 10;
    axes.append(
      svg("path", { class: "axis", d: `M${middle},${height + 0.5}v4` }),
      svg("text", { class: "tick", x: middle, y: height + 18, "text-anchor": "middle" }, label),
    );
  }
  axes.append(
    svg("text", { class: "name", x: -left, y: -9 }, cut(sides.y.axis.label, 48)),
    svg(
      "text",
      { class: "name", x: width, y: height + 34, "text-anchor": "end" },
      cut(sides.x.axis.label, 48),
    ),
  );

  // An inner picture cuts off what leaves it; a mark at a side stays whole.
  const inside = svg("svg", {
    x: left - MARK,
    y: TOP,
    width: width + 2 * MARK,
    height,
    viewBox: `${-MARK} 0 ${width + 2 * MARK} ${height}`,
  });
  const words = svg("g", { transform: `translate(${left},${TOP})` });
  root.append(axes, inside, words);
  const put = <E extends SVGElement>(element: E): E => {
    inside.append(element);
    return element;
  };
  return {
    picture: root,
    width,
    height,
    x,
    y,
    put,
    beside: (element) => words.append(element),
    path: (name, d = "") => put(svg("path", { class: name, d })),
    say(name, said, atX, atY, anchor = "start") {
      if (Number.isNaN(atX + atY)) return;
      const place = { x: Math.round(atX), y: Math.round(atY), "text-anchor": anchor };
      words.append(svg("text", { class: name, ...place }, said));
    },
  };
}

/** The small cross that stands for the minimum everywhere. */
export const CROSS = "M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5";

/** Hovering looks at the frame that `find` gives for a place in the plot, pressing stays there. */
export function choosable(
  { picture: root, width, height, put }: Pick<Plot, "picture" | "width" | "height" | "put">,
  cursor: Cursor,
  find: (x: number, y: number) => number | null,
): void {
  const surface = put(svg("rect", { class: "chooser", width, height }));
  const found = (event: PointerEvent): number | null => {
    const box = surface.getBoundingClientRect();
    const ratio = width / box.width;
    return find((event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio);
  };
  const held = (event: PointerEvent): boolean => (event.buttons & 1) === 1;
  surface.addEventListener("pointerdown", (event) => {
    const frame = found(event);
    if (frame === null || event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    cursor.go(frame);
  });
  surface.addEventListener("pointermove", (event) => {
    const frame = found(event);
    if (held(event)) {
      if (frame !== null) cursor.go(frame);
    } else if (event.pointerType === "mouse") {
      cursor.peek(frame);
    }
  });
  root.addEventListener("pointerleave", () => cursor.peek(null));
}

/** The index whose place is nearest to `target`; places that are not there are passed over. */
export function nearest(
  n: number,
  distance: (index: number) => number,
  most = Infinity,
): number | null {
  let [best, least] = [null as number | null, most];
  for (let index = 0; index < n; index += 1) {
    const away = distance(index);
    if (away < least) [best, least] = [index, away];
  }
  return best;
}
