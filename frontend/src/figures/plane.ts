// The loss of a network on a plane through its last weights, and its path projected on it.

import type { PlaneData } from "../data";
import { svg } from "../dom";
import { choosable, CROSS, nearest, plot, type Draw } from "../frame";
import { at, dots, px, trail } from "../path";
import { extent, roomy } from "../scale";
import { number } from "../words";
import { labeller, outlines, pair } from "./contour";

const APART = 46; // pixels between two labels, and from the path
const WIDE = 300; // pixels, from which on the reading says what it is

export const drawPlane: Draw<PlaneData> = (host, data, stage) => {
  const { grid_x, grid_y, path_x, path_y, path_loss, levels, here, place } = data;
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, extent(data.x.scale, grid_x), 0) },
    y: { axis: data.y, domain: roomy(data.y.scale, extent(data.y.scale, grid_y), 0), plain: true },
  });
  const { x, y, width } = frame;
  const [left, top] = [(index: number) => x(path_x[index]!), (index: number) => y(path_y[index]!)];
  const taken = path_x.map((_, index): [number, number] => [left(index), top(index)]);
  const label = labeller(frame, taken, APART);
  let order = 0;
  for (const { value, rings } of outlines(data, x, y)) {
    order += 1;
    const area = frame.path("area", rings.map((ring) => `M${ring.map(pair).join("L")}Z`).join(""));
    const share = Math.round((100 * order) / Math.max(1, levels.length));
    area.style.fill = `color-mix(in srgb, var(--area-high) ${share}%, var(--paper))`;
    label(value, rings);
  }
  const walked = trail(path_x.length, left, top);
  frame.path("path ahead", walked.whole);
  const behind = frame.path("path");
  const last = path_x.length - 1;
  frame.path("model-dots small", dots(path_x.length, left, top));
  if (last >= 0) {
    frame.put(svg("path", { class: "minimum", d: CROSS, transform: at(left(last), top(last)) }));
    const turned = left(0) > width / 2;
    frame.say(
      "aside strong",
      "start",
      left(0) + (turned ? -8 : 8),
      top(0) - 7,
      turned ? "end" : "start",
    );
  }
  const ball = frame.put(svg("circle", { class: "here", r: 5 }));
  const reading = svg("text", { class: "aside", x: px(width), y: -9, "text-anchor": "end" });
  frame.beside(reading);
  const places = here.map(([first, second]) => [x(first), y(second)] as const);
  choosable(frame, stage.cursor, (pointerX, pointerY) =>
    nearest(
      places.length,
      (index) => Math.hypot(places[index]![0] - pointerX, places[index]![1] - pointerY),
      40,
    ),
  );
  return (index) => {
    const [atX, atY] = places[index] ?? [NaN, NaN];
    const now = place[index] ?? -1;
    behind.setAttribute("d", walked.upTo(now));
    ball.setAttribute("transform", at(atX, atY));
    const loss = path_loss[now];
    const what = width > WIDE ? "loss of the path here" : "loss";
    reading.textContent = loss === undefined ? "" : `${what} ${number(loss, 3)}`;
  };
};
