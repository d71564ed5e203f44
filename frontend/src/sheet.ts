// The surface and the path on it, drawn from the back to the front: what lies in front covers.

import type { Box } from "./box";
import type { SurfaceData } from "./data";
import { svg } from "./dom";
import { px } from "./path";
import type { Projected, Projection } from "./projection";

const MESH = 6; // cells from line to line
const SAMPLES = 4; // pieces of the path a cell
const MOST_PIECES = 10_000;
const SHADES = 20;

type Place = [x: number, y: number];

/** The sheet with the path on it, in the order in which it is drawn. */
export function sheetOf(box: Box, data: SurfaceData, seen: Projection): SVGElement[] {
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
  const on = ([x, y]: Place): Projected => seen(x, y, box.on(x, y));
  const drawn: SVGElement[] = [];
  const walked = (row: number | undefined): void => {
    const found = pieces.get(row ?? -1) ?? [];
    if (found.length) drawn.push(svg("path", { class: "path", d: joined(found, on) }));
  };
  rowsInOrder.forEach((row, index) => {
    drawn.push(
      ...runsOf(box, points, row, columnsInOrder).flatMap((run) => strip(box, points, run)),
    );
    // The row in front has been drawn: its edge would cover half of the line.
    walked(rowsInOrder[index - 1]);
  });
  walked(rowsInOrder.at(-1));
  // What the surface hides of the path shines through.
  const all = joined([...pieces.values()].flat(), on);
  return [...drawn, svg("path", { class: "path hidden", d: all })];
}

/** Neighbours in a row that look alike, by the column of the first and of the last. */
interface Run {
  row: number;
  from: number;
  to: number;
  shade: number;
  /** Whether they are seen from above: then all of them go round the same way. */
  up: boolean;
}

function runsOf(
  { columns, heights }: Box,
  points: Projected[],
  row: number,
  order: number[],
): Run[] {
  const runs: Run[] = [];
  let open: Run | null = null;
  for (const column of order) {
    const [a, b, c, d] = cornersOf(row, column, columns);
    const tall = (heights[a]! + heights[b]! + heights[c]! + heights[d]!) / 4;
    if (Number.isNaN(tall)) {
      open = null;
      continue;
    }
    const shade = Math.min(SHADES - 1, Math.floor(((tall + 1) / 2) * SHADES));
    const up = turn(points[a]!, points[c]!, points[b]!, points[d]!) > 0;
    if (open && open.shade === shade && open.up === up) {
      [open.from, open.to] = [Math.min(open.from, column), Math.max(open.to, column)];
    } else runs.push((open = { row, from: column, to: column, shade, up }));
  }
  return runs;
}

const cornersOf = (row: number, column: number, columns: number) =>
  [
    row * columns + column,
    row * columns + column + 1,
    (row + 1) * columns + column + 1,
    (row + 1) * columns + column,
  ] as const;

/** Which way two diagonals cross. */
const turn = (a: Projected, c: Projected, b: Projected, d: Projected): number =>
  (c.x - a.x) * (d.y - b.y) - (c.y - a.y) * (d.x - b.x);

/** A run as one area, and the lines of the mesh on it. */
function strip({ columns, rows }: Box, points: Projected[], run: Run): SVGElement[] {
  const { row, from, to, shade } = run;
  const places = Array.from({ length: to - from + 2 }, (_, index) => from + index);
  const near = places.map((column) => spot(points[row * columns + column]!));
  const far = places.map((column) => spot(points[(row + 1) * columns + column]!));
  const area = svg("path", { class: "cell", d: `${course([...near, ...far.toReversed()])}z` });
  const share = Math.round((100 * (shade + 0.5)) / SHADES);
  area.style.fill = `color-mix(in srgb, var(--sheet-high) ${share}%, var(--sheet-low))`;
  area.style.stroke = area.style.fill;
  // Neighbours draw the same line: the one in front covers the one behind.
  const lines = [
    ...(row % MESH === 0 ? [near] : []),
    ...((row + 1) % MESH === 0 || row + 2 === rows ? [far] : []),
    ...places.flatMap((column, index) =>
      column % MESH === 0 || column + 1 === columns ? [[near[index]!, far[index]!]] : [],
    ),
  ];
  if (!lines.length) return [area];
  return [
    area,
    svg("path", { class: "mesh", d: lines.map((line) => `M${line.join("L")}`).join("") }),
  ];
}

const spot = ({ x, y }: Projected): Place => [px(x), px(y)];

/** A line from place to place, each said by how far it is from the one before: there are many. */
const course = (places: Place[]): string =>
  places
    .map(([x, y], index) => {
      const [lastX, lastY] = places[index - 1] ?? [0, 0];
      return `${index ? "l" : "M"}${px(x - lastX)},${px(y - lastY)}`;
    })
    .join("");

/** Pieces that follow each other are one line. */
function joined(pieces: [Place, Place][], on: (place: Place) => Projected): string {
  let [path, end] = ["", ""];
  for (const [from, to] of pieces) {
    const start = spot(on(from)).join(",");
    path += start === end ? "" : `M${start}`;
    end = spot(on(to)).join(",");
    path += `L${end}`;
  }
  return path;
}

/** The path in pieces shorter than a cell, by the row of cells in which each lies. */
function piecesOfPath(box: Box, { path_x, path_y }: SurfaceData): Map<number, [Place, Place][]> {
  const found = new Map<number, [Place, Place][]>();
  for (let index = 1; index < path_x.length; index += 1) {
    const from = box.place([path_x[index - 1]!, path_y[index - 1]!]);
    const to = box.place([path_x[index]!, path_y[index]!]);
    const long = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const pieces = Math.ceil((long / 2) * Math.max(box.columns, box.rows) * SAMPLES);
    // Not a number, or far away: such a step leaves the picture.
    if (!(pieces <= MOST_PIECES)) continue;
    const between = (share: number): Place => [
      from[0] + share * (to[0] - from[0]),
      from[1] + share * (to[1] - from[1]),
    ];
    for (let piece = 0; piece < pieces; piece += 1) {
      const ends: [Place, Place] = [between(piece / pieces), between((piece + 1) / pieces)];
      if (ends.some(([x, y]) => Math.abs(x) > 1 || Math.abs(y) > 1)) continue;
      const row = Math.min(box.rows - 2, Math.floor(((ends[0][1] + 1) / 2) * (box.rows - 1)));
      const known = found.get(row) ?? [];
      known.push(ends);
      found.set(row, known);
    }
  }
  return found;
}
