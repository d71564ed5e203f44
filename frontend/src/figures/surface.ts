// The loss over two weights from the side. The surface is painted from the back to the front on a
// canvas, without WebGL; what moves with the cursor is drawn over it.

import type { SurfaceData } from "../data";
import { html, iconButton, svg } from "../dom";
import { CROSS, picture, type Draw } from "../frame";
import { at, line } from "../path";
import { projection, type Projection, type View } from "../projection";
import { extent, roomy, scale, type Scale } from "../scale";
import { cut, number } from "../words";

const MOST = 60; // cells a side
const TURN = Math.PI / 24;
const START: View = { turn: -0.62, tilt: 0.6 };
const PLANE = 0.34; // half a side of the tangent plane, the box being 2 wide
const FLOOR = 0.03;
const MESH = 6; // cells from line to line
const SAMPLES = 4; // pieces of the path a cell

export const drawSurface: Draw<SurfaceData> = (host, data, stage) => {
  const { width, height } = stage;
  const sheet = html("canvas", { "aria-hidden": "true", class: "sheet" });
  const stack = html("div", { class: "stack" }, sheet);
  const root = picture(stack, data.text, width, height);
  host.append(stack);
  const box = boxed(data);
  const view = { ...START };
  let shownFrame = stage.cursor.frame;
  let withPlane = true;

  const words = svg("g");
  const plane = svg("path", { class: "plane" });
  const drop = svg("path", { class: "now" });
  const minimum = svg("path", { class: "minimum", d: CROSS });
  const point = svg("circle", { class: "here", r: 5 });
  root.append(words, plane, drop, minimum, point);

  const project = (): Projection => projection(view, width, height);
  const show = (frame: number): void => {
    shownFrame = frame;
    const seen = project();
    const [x, y] = box.place(data.here[frame] ?? [NaN, NaN]);
    const z = box.height(data.height[frame] ?? NaN);
    const top = seen(x, y, z);
    const foot = seen(x, y, -1);
    point.setAttribute("transform", at(top.x, top.y));
    drop.setAttribute("d", line(2, () => top.x, (end) => (end ? foot.y : top.y)));
    plane.setAttribute("d", withPlane ? tangentPlane(box, seen, x, y, z) : "");
  };
  const paint = (): void => {
    const seen = project();
    paintSheet(sheet, host, box, data, seen, width, height);
    axes(words, data, seen);
    const lowest = data.minimum && data.minimum_height !== null;
    const [x, y] = lowest ? box.place(data.minimum!) : [NaN, NaN];
    const low = seen(x, y, box.height(data.minimum_height ?? NaN));
    minimum.setAttribute("transform", at(low.x, low.y));
    show(shownFrame);
  };
  const turn = (by: number, tilt = 0): void => {
    view.turn += by;
    view.tilt = Math.min(1.45, Math.max(0.15, view.tilt + tilt));
    paint();
  };

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
  const tangent = html("button", { type: "button", "aria-pressed": "true" }, "tangent plane");
  tangent.addEventListener("click", () => {
    withPlane = !withPlane;
    tangent.setAttribute("aria-pressed", String(withPlane));
    show(shownFrame);
  });
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
    const [by, tilt] = { a: [TURN, 0], d: [-TURN, 0], w: [0, TURN], s: [0, -TURN] }[event.key] ?? [];
    if (by === undefined) return;
    turn(by, tilt);
    event.preventDefault();
  });
  host.append(controls);
  host.addEventListener("steepest:theme", paint);
  paint();
  return show;
};

interface Box {
  columns: number;
  rows: number;
  /** Heights from -1 to 1, NaN where there is no loss; row by row. */
  heights: Float64Array;
  place: (values: readonly [number, number]) => [number, number];
  height: (loss: number) => number;
  /** The surface's height between the grid's values. */
  on: (x: number, y: number) => number;
}

const thinned = (n: number): number[] => {
  const kept = Math.min(n, MOST + 1);
  return Array.from({ length: kept }, (_, index) =>
    kept === 1 ? 0 : Math.round((index * (n - 1)) / (kept - 1)),
  );
};

function boxed({ grid_x, grid_y, grid, z }: SurfaceData): Box {
  const [across, along] = [thinned(grid_x.length), thinned(grid_y.length)];
  const side = (values: number[]): Scale =>
    scale("linear", roomy("linear", extent("linear", values), 0), [-1, 1]);
  const [x, y] = [side(grid_x), side(grid_y)];
  const up = scale(z.scale, roomy(z.scale, upright(z.scale, grid.flat()), 0), [-1, 1]);
  const inside = (height: number): number => Math.min(1, Math.max(-1, height));
  const heights = Float64Array.from(
    along.flatMap((row) => across.map((column) => inside(up(grid[row]![column]!)))),
  );
  const [columns, rows] = [across.length, along.length];
  const on = (atX: number, atY: number): number => {
    const column = ((atX + 1) / 2) * (columns - 1);
    const row = ((atY + 1) / 2) * (rows - 1);
    const left = Math.min(columns - 2, Math.max(0, Math.floor(column)));
    const front = Math.min(rows - 2, Math.max(0, Math.floor(row)));
    const [shareX, shareY] = [column - left, row - front];
    const corner = (dx: number, dy: number): number => heights[(front + dy) * columns + left + dx]!;
    return (
      (corner(0, 0) * (1 - shareX) + corner(1, 0) * shareX) * (1 - shareY) +
      (corner(0, 1) * (1 - shareX) + corner(1, 1) * shareX) * shareY
    );
  };
  return {
    columns,
    rows,
    heights,
    place: ([first, second]) => [x(first), y(second)],
    height: (loss) => inside(up(loss)),
    on,
  };
}

/**
 * The range of heights. A logarithm has no floor: between grid points a narrow valley would look
 * like a row of pits, so its lowest FLOOR of the area is flat.
 */
function upright(kind: SurfaceData["z"]["scale"], losses: number[]): [number, number] | null {
  const found = extent(kind, losses);
  if (kind !== "log" || !found) return found;
  const known = losses.filter((loss) => loss > 0 && Number.isFinite(loss)).sort((a, b) => a - b);
  return [known[Math.floor(known.length * FLOOR)]!, found[1]];
}

/** The plane that touches the drawn surface at a point, as long as it stays inside the box. */
function tangentPlane(box: Box, seen: Projection, x: number, y: number, z: number): string {
  if (!(Math.abs(x) <= 1 && Math.abs(y) <= 1 && Number.isFinite(z))) return "";
  const h = 1 / Math.max(box.columns, box.rows);
  const slope = (dx: number, dy: number): number => {
    const [ahead, behind] = [clamp(x + dx, y + dy), clamp(x - dx, y - dy)];
    return (
      (box.on(...ahead) - box.on(...behind)) /
      (dx ? ahead[0] - behind[0] : ahead[1] - behind[1])
    );
  };
  const [alongX, alongY] = [slope(h, 0), slope(0, h)];
  const steepness = Math.abs(alongX) + Math.abs(alongY);
  const reach = Math.min(PLANE, 0.5 / steepness);
  const corners = [
    [-reach, -reach],
    [reach, -reach],
    [reach, reach],
    [-reach, reach],
  ] as const;
  const points = corners.map(([dx, dy]) => seen(x + dx, y + dy, z + alongX * dx + alongY * dy));
  const outline = line(4, (corner) => points[corner]!.x, (corner) => points[corner]!.y);
  return outline && `${outline}Z`;
}

const clamp = (x: number, y: number): [number, number] => [
  Math.min(1, Math.max(-1, x)),
  Math.min(1, Math.max(-1, y)),
];

/** The floor's edges and the names of its sides, at those that lie in front. */
function axes(group: SVGGElement, data: SurfaceData, seen: Projection): void {
  group.replaceChildren();
  const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => seen(x!, y!, -1));
  group.append(
    svg("path", {
      class: "axis",
      d: `${line(4, (corner) => corners[corner]!.x, (corner) => corners[corner]!.y)}Z`,
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

function paintSheet(
  sheet: HTMLCanvasElement,
  host: HTMLElement,
  box: Box,
  data: SurfaceData,
  seen: Projection,
  width: number,
  height: number,
): void {
  const dense = Math.min(3, Math.max(1, window.devicePixelRatio || 1));
  sheet.width = width * dense;
  sheet.height = height * dense;
  const pen = sheet.getContext("2d");
  if (!pen) return;
  pen.scale(dense, dense);
  const [low, high, mesh, path] = colours(host, [
    "--sheet-low",
    "--sheet-high",
    "--mesh",
    "--path",
  ]);
  const { columns, rows, heights } = box;
  const points = Array.from(heights, (z, index) =>
    seen(
      (2 * (index % columns)) / Math.max(1, columns - 1) - 1,
      (2 * Math.floor(index / columns)) / Math.max(1, rows - 1) - 1,
      z,
    ),
  );
  // Farther rows and columns come first: in this order no cell hides one that comes later.
  const farFirst = (n: number, ascending: boolean): number[] =>
    Array.from({ length: n }, (_, index) => (ascending ? index : n - 1 - index));
  const columnsInOrder = farFirst(columns - 1, seen(1, 0, 0).depth < seen(-1, 0, 0).depth);
  const rowsInOrder = farFirst(rows - 1, seen(0, 1, 0).depth < seen(0, -1, 0).depth);
  const pieces = piecesOfPath(box, data);
  const trace = (alpha: number, from: [number, number], to: [number, number]): void => {
    const [start, end] = [from, to].map(([x, y]) => seen(x, y, box.on(x, y)));
    pen.globalAlpha = alpha;
    pen.beginPath();
    pen.moveTo(start!.x, start!.y);
    pen.lineTo(end!.x, end!.y);
    pen.stroke();
    pen.globalAlpha = 1;
  };
  const edge = (from: number, to: number, drawn: boolean): void => {
    if (!drawn) return;
    pen.moveTo(points[from]!.x, points[from]!.y);
    pen.lineTo(points[to]!.x, points[to]!.y);
  };
  const cell = (column: number, row: number): void => {
    const corners = [
      row * columns + column,
      row * columns + column + 1,
      (row + 1) * columns + column + 1,
      (row + 1) * columns + column,
    ];
    const tall = corners.reduce((sum, corner) => sum + heights[corner]!, 0) / 4;
    if (Number.isNaN(tall)) return;
    pen.fillStyle = mixed(low!, high!, (tall + 1) / 2);
    // A stroke of the same colour closes the seams between neighbours.
    pen.strokeStyle = pen.fillStyle;
    pen.lineWidth = 0.7;
    pen.beginPath();
    corners.forEach((corner, index) => {
      const { x, y } = points[corner]!;
      if (index) pen.lineTo(x, y);
      else pen.moveTo(x, y);
    });
    pen.closePath();
    pen.fill();
    pen.stroke();
    pen.strokeStyle = `rgb(${mesh!.join(",")})`;
    pen.beginPath();
    // Neighbours draw the same line: the one in front paints over the one behind.
    edge(corners[0]!, corners[1]!, row % MESH === 0);
    edge(corners[3]!, corners[2]!, (row + 1) % MESH === 0 || row + 2 === rows);
    edge(corners[0]!, corners[3]!, column % MESH === 0);
    edge(corners[1]!, corners[2]!, (column + 1) % MESH === 0 || column + 2 === columns);
    pen.stroke();
  };
  const walked = (row: number | undefined): void => {
    pen.strokeStyle = `rgb(${path!.join(",")})`;
    pen.lineWidth = 2;
    for (const [from, to] of pieces.get(row ?? -1) ?? []) trace(1, from, to);
  };
  rowsInOrder.forEach((row, index) => {
    for (const column of columnsInOrder) cell(column, row);
    // The row in front has been painted: its edge would cover half of the line.
    walked(rowsInOrder[index - 1]);
  });
  walked(rowsInOrder.at(-1));
  // What the surface hides of the path shines through.
  for (const found of pieces.values()) for (const [from, to] of found) trace(0.3, from, to);
}

/** The path in pieces shorter than a cell, by the row of cells in which each lies. */
function piecesOfPath(box: Box, { path_x, path_y }: SurfaceData) {
  const found = new Map<number, [[number, number], [number, number]][]>();
  for (let index = 1; index < path_x.length; index += 1) {
    const from = box.place([path_x[index - 1]!, path_y[index - 1]!]);
    const to = box.place([path_x[index]!, path_y[index]!]);
    const long = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const pieces = Math.ceil((long / 2) * Math.max(box.columns, box.rows) * SAMPLES);
    // Not a number, or far away: such a step leaves the picture.
    if (!(pieces <= 40 * MOST * SAMPLES)) continue;
    const between = (share: number): [number, number] => [
      from[0] + share * (to[0] - from[0]),
      from[1] + share * (to[1] - from[1]),
    ];
    for (let piece = 0; piece < pieces; piece += 1) {
      const ends = [between(piece / pieces), between((piece + 1) / pieces)] as const;
      if (ends.some(([x, y]) => Math.abs(x) > 1 || Math.abs(y) > 1)) continue;
      const row = Math.min(box.rows - 2, Math.floor(((ends[0][1] + 1) / 2) * (box.rows - 1)));
      const known = found.get(row) ?? [];
      known.push([ends[0], ends[1]]);
      found.set(row, known);
    }
  }
  return found;
}

/** Colours as numbers; the style sheet names them, and the theme decides. */
function colours(host: HTMLElement, names: string[]): number[][] {
  const probe = html("span");
  host.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return (getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number);
  });
  probe.remove();
  return found;
}

const mixed = (low: number[], high: number[], share: number): string =>
  `rgb(${low.map((part, index) => Math.round(part + (high[index]! - part) * share)).join(",")})`;
