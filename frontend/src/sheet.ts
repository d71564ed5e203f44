// The surface and the path on it, painted from the back to the front on a canvas, without WebGL.

import type { Box } from "./box";
import type { SurfaceData } from "./data";
import { html } from "./dom";
import type { Projection } from "./projection";

const MESH = 6; // cells from line to line
const SAMPLES = 4; // pieces of the path a cell
const MOST_PIECES = 10_000;

/** Paints the surface with the path on it; the sheet is as large as the picture over it. */
export function paintSheet(
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
    if (!(pieces <= MOST_PIECES)) continue;
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
export function colours(host: HTMLElement, names: string[]): number[][] {
  const probe = html("span");
  host.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return (getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"])
      .slice(0, 3)
      .map(Number);
  });
  probe.remove();
  return found;
}

export const mixed = (low: number[], high: number[], share: number): string =>
  `rgb(${low.map((part, index) => Math.round(part + (high[index]! - part) * share)).join(",")})`;
