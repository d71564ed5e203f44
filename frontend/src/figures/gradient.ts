// The length of the gradient by step: a descent comes to rest where it is zero.

import type { GradientData } from "../data";
import { svg } from "../dom";
import { choosable, nearest, plot, type Draw } from "../frame";
import { dots, trail } from "../path";
import { extent, roomy } from "../scale";
import { number } from "../words";

const FEW = 60; // steps that have a dot each

export const drawGradient: Draw<GradientData> = (host, data, { board, cursor, ...stage }) => {
  const { step, length } = data;
  const [first, last] = extent(data.x.scale, step) ?? [0, 1];
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: [first, Math.max(last, first + 1)] },
    y: { axis: data.y, domain: roomy(data.y.scale, extent(data.y.scale, length)) },
  });
  const { x, y, width, height } = frame;
  const left = (index: number): number => x(step[index]!);
  const top = (index: number): number => y(length[index]!);
  const course = trail(step.length, left, top);
  frame.path("path ahead", course.whole);
  const behind = frame.path("path");
  if (step.length <= FEW) frame.path("model-dots small", dots(step.length, left, top));
  const now = frame.path("now");
  const reading = svg("text", { class: "aside", x: width, y: -9, "text-anchor": "end" });
  frame.beside(reading);
  const places = board.frames.map((reached) => x(reached));
  choosable(frame, cursor, (pointer) =>
    nearest(places.length, (index) => Math.abs(places[index]! - pointer)),
  );
  const upTo = board.frames.map((reached) => step.findLastIndex((known) => known <= reached));
  return (index) => {
    behind.setAttribute("d", course.upTo(upTo[index] ?? -1));
    now.setAttribute("d", `M${Math.round(places[index] ?? 0) + 0.5},0V${height}`);
    reading.textContent = number(length[upTo[index] ?? -1] ?? NaN, 4);
  };
};
