// The loss over two weights from above, the descent's path on it, and the next step.

import { contours } from "d3-contour";
import type { ContourData } from "../data";
import { svg } from "../dom";
import { choosable, CROSS, nearest, plot, type Draw, type Plot } from "../frame";
import { at, line, px, trail } from "../path";
import { extent, roomy, type Scale } from "../scale";
import { number } from "../words";

const LABELS = 5;
const FINE = 4;
const APART = 42; // pixels between two labels at least

export const drawContour: Draw<ContourData> = (host, data, stage) => {
  const { grid_x, grid_y, path_x, path_y, here, next, minimum } = data;
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, extent(data.x.scale, grid_x), 0) },
    y: { axis: data.y, domain: roomy(data.y.scale, extent(data.y.scale, grid_y), 0), plain: true },
  });
  const { x, y } = frame;
  // No label covers the minimum or the path.
  const taken: [number, number][] = minimum ? [[x(minimum[0]), y(minimum[1])]] : [];
  const thin = Math.ceil(path_x.length / 40);
  for (let end = thin; end < path_x.length; end += thin) {
    const start = end - thin;
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const along = (values: number[]): number =>
        values[start]! + share * (values[end]! - values[start]!);
      taken.push([x(along(path_x)), y(along(path_y))]);
    }
  }
  const label = labeller(frame, taken, APART);
  for (const { value, rings } of outlines(data, x, y)) {
    frame.path("level-line", rings.map((ring) => `M${ring.map(pair).join("L")}Z`).join(""));
    label(value, rings);
  }
  const walked = trail(
    path_x.length,
    (index) => x(path_x[index]!),
    (index) => y(path_y[index]!),
  );
  frame.path("path ahead", walked.whole);
  if (minimum) {
    frame.put(
      svg("path", { class: "minimum", d: CROSS, transform: at(x(minimum[0]), y(minimum[1])) }),
    );
  }
  const behind = frame.path("path");
  const step = frame.path("step");
  const ghost = frame.put(svg("circle", { class: "next", r: 4.5 }));
  const point = frame.put(svg("circle", { class: "here", r: 5 }));

  const places = here.map(([first, second]) => [x(first), y(second)] as const);
  choosable(frame, stage.cursor, (pointerX, pointerY) =>
    nearest(
      places.length,
      (index) => Math.hypot(places[index]![0] - pointerX, places[index]![1] - pointerY),
      40,
    ),
  );
  const upTo = stage.board.frames.map((reached) =>
    data.path_step.findLastIndex((known) => known <= reached),
  );
  return (index) => {
    const [left, top] = places[index] ?? [NaN, NaN];
    const [aheadX, aheadY] = next[index] ?? [NaN, NaN];
    const ends = [
      [left, top],
      [x(aheadX), y(aheadY)],
    ] as const;
    behind.setAttribute("d", walked.upTo(upTo[index] ?? -1));
    step.setAttribute(
      "d",
      line(
        2,
        (end) => ends[end]![0],
        (end) => ends[end]![1],
      ),
    );
    ghost.setAttribute("transform", at(ends[1][0], ends[1][1]));
    point.setAttribute("transform", at(left, top));
  };
};

/** Writes the loss on a line where nothing is; `taken` are places to keep away from. */
export function labeller(
  { width, height, say }: Plot,
  taken: [number, number][],
  apart: number,
): (value: number, rings: [number, number][][]) => void {
  let labels = 0;
  return (value, rings) => {
    if (labels === LABELS) return;
    const spot = rings
      .flat()
      .find(
        ([left, top]) =>
          left > 24 &&
          left < width - 24 &&
          top > 14 &&
          top < height - 14 &&
          taken.every(([atX, atY]) => !(Math.hypot(left - atX, top - atY) <= apart)),
      );
    if (!spot) return;
    taken.push(spot);
    labels += 1;
    say("level-label", number(value, 3), spot[0], spot[1] + 4, "middle");
  };
}

export const pair = ([left, top]: [number, number]): string => `${px(left)},${px(top)}`;

/** The closed lines of equal loss, in pixels, from the lowest level up. */
export function* outlines(
  { grid_x, grid_y, grid, levels }: Pick<ContourData, "grid_x" | "grid_y" | "grid" | "levels">,
  x: Scale,
  y: Scale,
): Generator<{ value: number; rings: [number, number][][] }> {
  if (grid_x.length < 2 || grid_y.length < 2) return;
  if (![...grid_x, ...grid_y].every(Number.isFinite)) return;
  const [columns, rows] = [grid_x, grid_y].map((side) => FINE * (side.length - 1) + 1) as [
    number,
    number,
  ];
  // A loss that is no number lies above every level: the line goes round the hole.
  const above = 2 * Math.max(1, ...levels.filter(Number.isFinite).map(Math.abs));
  const heights = transposed(transposed(grid).map(finer))
    .map(finer)
    .flatMap((row) => row.map((loss) => (Number.isFinite(loss) ? loss : above)));
  const outlined = contours().size([columns, rows]);
  // Levels bound what is above them; one below all is the whole picture.
  for (const value of [...levels].filter(Number.isFinite).sort((a, b) => a - b)) {
    const { coordinates } = outlined.contour(heights, value);
    // A cell's middle is at a half: positions are between the grid's values.
    const rings = coordinates
      .flat()
      .map((ring) =>
        ring.map(
          ([column, row]) =>
            [
              x(between(grid_x, (column! - 0.5) / FINE)),
              y(between(grid_y, (row! - 0.5) / FINE)),
            ] as [number, number],
        ),
      );
    yield { value, rings };
  }
}

const transposed = (rows: number[][]): number[][] =>
  rows[0]!.map((_, column) => rows.map((row) => row[column]!));

/** FINE times as many values, by cubics through those given: a narrow valley keeps smooth sides. */
function finer(values: number[]): number[] {
  const found: number[] = [];
  for (let index = 0; index + 1 < values.length; index += 1) {
    const [b, c] = [values[index]!, values[index + 1]!];
    // At an edge, and beside a hole, the line goes straight on.
    const a = real(values[index - 1], 2 * b - c);
    const d = real(values[index + 2], 2 * c - b);
    for (let piece = 0; piece < FINE; piece += 1) {
      const t = piece / FINE;
      const bend = (3 * (b - c) + d - a) * t + (2 * a - 5 * b + 4 * c - d);
      found.push(b + 0.5 * t * (c - a + t * bend));
    }
  }
  return [...found, values.at(-1)!];
}

const real = (value: number | undefined, otherwise: number): number =>
  value !== undefined && Number.isFinite(value) ? value : otherwise;

function between(values: number[], position: number): number {
  const inside = Math.min(values.length - 1, Math.max(0, position));
  const before = Math.min(values.length - 2, Math.floor(inside));
  const share = inside - before;
  return values[before]! * (1 - share) + values[before + 1]! * share;
}
