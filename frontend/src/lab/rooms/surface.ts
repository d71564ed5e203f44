// The loss over two weights from the side, with the path of the descent on it.

import { boxed } from "../../box";
import { makeCursor } from "../../cursor";
import type { SurfaceData } from "../../data";
import { html } from "../../dom";
import { drawSurface } from "../../figures/surface";
import { cut } from "../../words";
import type { Descent, Scene } from "../scene";
import type { Room } from "./room";

export function makeSurface(): Room {
  const host = html("div", { class: "drawing middling" });
  const said = html("p", { class: "notes" });
  const element = html("figure", { class: "surface" }, host, said);
  let given: { scene: Scene; descent: Descent } | null = null;
  let at = 0;
  let show: (frame: number) => void = () => undefined;
  return {
    title: "In three dimensions",
    element,
    judge(scene, descent) {
      given = { scene, descent };
      element.classList.remove("stale");
    },
    stale: () => element.classList.add("stale"),
    draw() {
      host.replaceChildren();
      const data = given && surfaceOf(given.scene, given.descent);
      said.textContent = data ? data.notes.join(" ") : "A surface takes two weights.";
      if (!data || !given) return;
      const width = Math.max(260, Math.min(900, host.clientWidth));
      const { frames, values, loss } = given.descent;
      const board = { frames, values, loss } as Parameters<typeof drawSurface>[2]["board"];
      const height = Math.round(Math.min(520, width * 0.7));
      const cursor = makeCursor(frames.length, at);
      show = drawSurface(host, data, { width, height, board, cursor });
      show(Math.min(at, frames.length - 1));
    },
    show(frame) {
      at = frame;
      show(frame);
    },
  };
}

function surfaceOf({ live }: Scene, descent: Descent): SurfaceData | null {
  const plane = live.contour;
  if (!plane) return null;
  const [first, second] = plane.weights;
  const [across, up] = plane.weights.map((name) => live.weights.indexOf(name)) as [number, number];
  const places = descent.values.map((row): [number, number] => [row[across]!, row[up]!]);
  const losses = plane.grid.flat().filter(Number.isFinite);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const others = live.weights.filter((name) => !plane.weights.includes(name));
  const text = `The loss over ${cut(first, 20)} and ${cut(second, 20)} as a surface, with the path.`;
  const data: SurfaceData = {
    kind: "surface",
    title: "",
    text,
    x: { label: first, scale: "linear" },
    y: { label: second, scale: "linear" },
    z: { label: "loss", scale: low > 0 && high > 10 * low ? "log" : "linear" },
    ...plane,
    notes: others.length
      ? [`Heights are losses with ${others.map((name) => cut(name, 16)).join(", ")} held.`]
      : [],
    held: null,
    path_x: places.map(([x]) => x),
    path_y: places.map(([, y]) => y),
    path_step: descent.frames,
    here: places,
    next: [],
    minimum: live.minimum
      ? [live.minimum.weights[first] ?? NaN, live.minimum.weights[second] ?? NaN]
      : null,
    minimum_height: live.minimum?.loss ?? null,
    path_height: [],
    height: [],
  };
  const box = boxed(data);
  const [columns, rows] = [plane.grid_x, plane.grid_y];
  /** The grid's loss nearest to a place: the ball lies on the drawn surface. */
  const nearest = ([x, y]: [number, number]): number => {
    const [left, top] = box.place([x, y]);
    if (!(Math.abs(left) <= 1 && Math.abs(top) <= 1)) return NaN;
    const column = ((left + 1) / 2) * (columns.length - 1);
    const row = ((top + 1) / 2) * (rows.length - 1);
    return between(plane.grid, column, row);
  };
  data.height = places.map(nearest);
  data.path_height = data.height;
  return data;
}

function between(grid: number[][], column: number, row: number): number {
  const [left, top] = [
    Math.min(grid[0]!.length - 2, Math.floor(column)),
    Math.min(grid.length - 2, Math.floor(row)),
  ];
  const [across, down] = [column - left, row - top];
  const corner = (x: number, y: number): number => grid[top + y]![left + x]!;
  return (
    (corner(0, 0) * (1 - across) + corner(1, 0) * across) * (1 - down) +
    (corner(0, 1) * (1 - across) + corner(1, 1) * across) * down
  );
}
