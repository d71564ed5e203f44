// A surface in a box: coordinates and heights from -1 to 1, and the plane that touches it.

import type { AxisData, SurfaceData } from "./data";
import { line } from "./path";
import type { Projection } from "./projection";
import { extent, roomy, scale, type Scale } from "./scale";

const MOST = 60; // cells a side
const PLANE = 0.34; // half a side of the tangent plane, the box being 2 wide
const FLOOR = 0.03;

export interface Box {
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

export function boxed({ grid_x, grid_y, grid, ...data }: SurfaceData): Box {
  const kind = data.z?.scale ?? "linear";
  const [across, along] = [thinned(grid_x.length), thinned(grid_y.length)];
  const side = (values: number[]): Scale =>
    scale("linear", roomy("linear", extent("linear", values), 0), [-1, 1]);
  const [x, y] = [side(grid_x), side(grid_y)];
  const up = scale(kind, roomy(kind, upright(kind, grid.flat()), 0), [-1, 1]);
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
function upright(kind: AxisData["scale"], losses: number[]): [number, number] | null {
  const found = extent(kind, losses);
  if (kind !== "log" || !found) return found;
  const known = losses.filter((loss) => loss > 0 && Number.isFinite(loss)).sort((a, b) => a - b);
  return [known[Math.floor(known.length * FLOOR)]!, found[1]];
}
/** The plane that touches the drawn surface at a point, as long as it stays inside the box. */
export function tangentPlane(box: Box, seen: Projection, x: number, y: number, z: number): string {
  if (!(Math.abs(x) <= 1 && Math.abs(y) <= 1 && Number.isFinite(z))) return "";
  const h = 1 / Math.max(box.columns, box.rows);
  const slope = (dx: number, dy: number): number => {
    const [ahead, behind] = [clamp(x + dx, y + dy), clamp(x - dx, y - dy)];
    return (
      (box.on(...ahead) - box.on(...behind)) / (dx ? ahead[0] - behind[0] : ahead[1] - behind[1])
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
  const outline = line(
    4,
    (corner) => points[corner]!.x,
    (corner) => points[corner]!.y,
  );
  return outline && `${outline}Z`;
}
const clamp = (x: number, y: number): [number, number] => [
  Math.min(1, Math.max(-1, x)),
  Math.min(1, Math.max(-1, y)),
];
