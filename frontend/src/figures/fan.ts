// The steps not taken: the loss of a batch had the step been shorter or longer, a line a probe.

import type { FanData } from "../data";
import { svg } from "../dom";
import { plot, type Draw } from "../frame";
import { at, dots, line, px } from "../path";
import { extent, roomy } from "../scale";
import { count, number } from "../words";

const FRACTIONS: Record<number, string> = { 0.25: "¼", 0.5: "½" };
const WIDE = 300; // pixels, from which on the learning rate is said beside the step
const LABEL = 44; // pixels that a number needs

export const drawFan: Draw<FanData> = (host, data, stage) => {
  const { factors, losses, relative, step, lr, level, probe } = data;
  const frame = plot(host, stage, data.text, {
    x: {
      axis: data.x,
      domain: roomy("linear", extent("linear", factors), 0.04),
      ticks: factors.map((factor) => ({ value: factor, label: `×${FRACTIONS[factor] ?? factor}` })),
    },
    y: {
      axis: data.y,
      domain: roomy(data.y.scale, extent(data.y.scale, relative.flat(), [level]), 0.1),
    },
  });
  const { x, y, width } = frame;
  const left = (index: number): number => x(factors[index]!);
  const course = (index: number): string =>
    line(factors.length, left, (factor) => y(relative[index]?.[factor] ?? NaN));
  if (Number.isFinite(y(level))) frame.path("level", `M0,${Math.round(y(level)) + 0.5}H${width}`);
  frame.path("ghost", relative.map((_, index) => course(index)).join(""));
  const now = frame.path("model");
  const points = frame.path("model-dots");
  const taken = factors.indexOf(1);
  const here = frame.put(svg("circle", { class: "here", r: 5.5 }));
  const numbers = factors.map(() => svg("text", { class: "aside", "text-anchor": "middle" }));
  const reading = svg("text", { class: "aside", x: width, y: -9, "text-anchor": "end" });
  for (const element of [...numbers, reading]) frame.beside(element);
  return (shown) => {
    const index = probe[shown] ?? relative.length - 1;
    const top = (factor: number): number => y(relative[index]?.[factor] ?? NaN);
    now.setAttribute("d", course(index));
    points.setAttribute("d", dots(factors.length, left, top));
    here.setAttribute("transform", at(left(taken), top(taken)));
    let free = -Infinity;
    numbers.forEach((element, factor) => {
      const [atX, atY, loss] = [left(factor), top(factor), losses[index]?.[factor] ?? NaN];
      const fits = Number.isFinite(loss) && atX - LABEL / 2 > free && Math.abs(atY) < 1e5;
      element.textContent = fits ? number(loss, 3) : "";
      if (!fits) return;
      free = atX + LABEL / 2;
      element.setAttribute("x", String(px(Math.min(width - LABEL / 3, atX))));
      element.setAttribute("y", String(px(Math.max(9, atY - 9))));
    });
    const rate = lr[index] ?? NaN;
    const beside =
      Number.isFinite(rate) && width > WIDE ? `, learning rate ${number(rate, 3)}` : "";
    reading.textContent = `step ${count(step[index] ?? 0)}${beside}`;
  };
};
