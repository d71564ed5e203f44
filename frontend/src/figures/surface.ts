// The loss over two weights from the side: a sheet, and over it what the cursor moves.

import { boxed, tangentPlane } from "../box";
import type { SurfaceData } from "../data";
import { html, iconButton, svg } from "../dom";
import { CROSS, picture, type Draw } from "../frame";
import { at, line } from "../path";
import { projection, type Projection, type View } from "../projection";
import { sheetOf } from "../sheet";
import { cut, number } from "../words";

const TURN = Math.PI / 24;
const START: View = { turn: -0.62, tilt: 0.6 };

export const drawSurface: Draw<SurfaceData> = (host, data, stage) => {
  const { width, height } = stage;
  const root = picture(host, data.text, width, height);
  const box = boxed(data);
  const view = { ...START };
  let shownFrame = stage.cursor.frame;
  let withPlane = true;

  const sheet = svg("g", { class: "sheet" });
  const words = svg("g");
  const plane = svg("path", { class: "plane" });
  const drop = svg("path", { class: "now" });
  const minimum = svg("path", { class: "minimum", d: CROSS });
  const point = svg("circle", { class: "here", r: 5 });
  root.append(sheet, words, plane, drop, minimum, point);

  const project = (): Projection => projection(view, width, height);
  const show = (frame: number): void => {
    shownFrame = frame;
    const seen = project();
    const [x, y] = box.place(data.here[frame] ?? [NaN, NaN]);
    const z = box.height(data.height[frame] ?? NaN);
    const top = seen(x, y, z);
    const foot = seen(x, y, -1);
    point.setAttribute("transform", at(top.x, top.y));
    drop.setAttribute(
      "d",
      line(
        2,
        () => top.x,
        (end) => (end ? foot.y : top.y),
      ),
    );
    plane.setAttribute("d", withPlane ? tangentPlane(box, seen, x, y, z) : "");
  };
  const paint = (): void => {
    const seen = project();
    sheet.replaceChildren(...sheetOf(box, data, seen));
    axes(words, data, seen);
    const lowest = data.minimum && data.minimum_height !== null;
    const [x, y] = lowest ? box.place(data.minimum!) : [NaN, NaN];
    const low = seen(x, y, box.height(data.minimum_height ?? NaN));
    minimum.setAttribute("transform", at(low.x, low.y));
    show(shownFrame);
  };
  const turn: Turn = (by, tilt = 0) => {
    view.turn += by;
    view.tilt = Math.min(1.45, Math.max(0.15, view.tilt + tilt));
    paint();
  };

  turnable(root, turn);
  const tangent = html("button", { type: "button", "aria-pressed": "true" }, "tangent plane");
  tangent.addEventListener("click", () => {
    withPlane = !withPlane;
    tangent.setAttribute("aria-pressed", String(withPlane));
    show(shownFrame);
  });
  const controls = controlsFor(turn, tangent);
  host.append(controls);
  paint();
  return show;
};

type Turn = (by: number, tilt?: number) => void;

function turnable(root: SVGSVGElement, turn: Turn): void {
  let held: [number, number] | null = null;
  root.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY];
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    if (!held || (event.buttons & 1) === 0) return;
    turn((event.clientX - held[0]) / 120, (event.clientY - held[1]) / 160);
    held = [event.clientX, event.clientY];
  });
}

function controlsFor(turn: Turn, tangent: HTMLElement): HTMLElement {
  const controls = html(
    "div",
    { class: "controls", role: "group", "aria-label": "Turn the surface" },
    iconButton("Turn left (a)", "M9.5,3.5L5,8l4.5,4.5", () => turn(TURN)),
    iconButton("Turn right (d)", "M6.5,3.5L11,8l-4.5,4.5", () => turn(-TURN)),
    iconButton("See it from above (w)", "M3.5,9.5L8,5l4.5,4.5", () => turn(0, TURN)),
    iconButton("See it from the side (s)", "M3.5,6.5L8,11l4.5,-4.5", () => turn(0, -TURN)),
    tangent,
  );
  controls.addEventListener("keydown", (event) => {
    const [by, tilt] =
      { a: [TURN, 0], d: [-TURN, 0], w: [0, TURN], s: [0, -TURN] }[event.key] ?? [];
    if (by === undefined) return;
    turn(by, tilt);
    event.preventDefault();
  });
  return controls;
}

/** The floor's edges and the names of its sides, at those that lie in front. */
function axes(group: SVGGElement, data: SurfaceData, seen: Projection): void {
  group.replaceChildren();
  const corners = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ].map(([x, y]) => seen(x!, y!, -1));
  group.append(
    svg("path", {
      class: "axis",
      d: `${line(
        4,
        (corner) => corners[corner]!.x,
        (corner) => corners[corner]!.y,
      )}Z`,
    }),
  );
  const nearer = (x: number, y: number): boolean => seen(x, y, -1).depth < seen(-x, -y, -1).depth;
  const frontY = nearer(0, -1) ? -1 : 1;
  const frontX = nearer(-1, 0) ? -1 : 1;
  const name = (text: string, x: number, y: number): void => {
    const spot = seen(x, y, -1);
    const anchor = spot.x < seen(0, 0, -1).x ? "end" : "start";
    group.append(
      svg(
        "text",
        { class: "name", x: Math.round(spot.x), y: Math.round(spot.y + 12), "text-anchor": anchor },
        text,
      ),
    );
  };
  const [first, last] = [data.grid_x, data.grid_y];
  const span = (label: string, values: number[]): string =>
    `${cut(label, 14)}, ${number(values[0] ?? NaN, 2)} to ${number(values.at(-1) ?? NaN, 2)}`;
  name(span(data.x.label, first), 0, frontY * 1.04);
  name(span(data.y.label, last), frontX * 1.04, 0);
}
