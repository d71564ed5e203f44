// Steps to the goal by learning rate: how low the valley is, where it ends, and today's descent.

import type { SweepData } from "../data";
import { svg } from "../dom";
import { plot, type Draw } from "../frame";
import { at, dots, line, sticks } from "../path";
import { extent, roomy } from "../scale";
import { cut, number } from "../words";

const CHARACTER = 6.2; // pixels, of a zone's word

export const drawSweep: Draw<SweepData> = (host, data, stage) => {
  const { lr, steps, outcome, zones, limit, here } = data;
  const rates = extent(data.x.scale, lr, [here?.lr]);
  const heights = extent(data.y.scale, steps, [here?.steps]);
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, rates, 0.02) },
    y: { axis: data.y, domain: roomy(data.y.scale, heights, 0.12) },
  });
  const { x, y, width, height } = frame;
  const inside = (value: number): number => Math.min(width, Math.max(0, x(value)));
  for (const { word, low, high } of zones) {
    const [from, to] = [inside(low), inside(high)];
    if (!(to > from)) continue;
    frame.put(
      svg("rect", {
        class: /diverg|too large/.test(word) ? "zone beyond" : "zone",
        x: Math.round(from),
        width: Math.round(to - from),
        height,
      }),
    );
    // A word that does not fit between its ends is in the text and the notes.
    if (to - from > word.length * CHARACTER) {
      frame.say("aside", cut(word, 30), (from + to) / 2, height - 7, "middle");
    }
  }
  if (limit !== null && Number.isFinite(x(limit))) {
    const left = Math.round(x(limit)) + 0.5;
    frame.path("level", `M${left},0V${height}`);
    const before = left > width / 2;
    frame.say("aside", number(limit, 3), left + (before ? -5 : 5), 20, before ? "end" : "start");
  }
  const left = (index: number): number => x(lr[index]!);
  frame.path(
    "trace",
    line(lr.length, left, (index) => y(steps[index]!)),
  );
  // A rate that did not arrive has no height: a tick at the upper edge.
  const missed = lr.map((rate, index) => (outcome[index] === "arrived" ? NaN : x(rate)));
  frame.path(
    "missed",
    sticks(
      lr.length,
      (index) => missed[index]!,
      () => 1,
      () => 6,
    ),
  );
  frame.path(
    "data small",
    dots(lr.length, left, (index) => y(steps[index]!)),
  );
  if (here) {
    const top = here.steps === null || Number.isNaN(here.steps) ? 8 : y(here.steps);
    frame.put(svg("circle", { class: "here", r: 5.5, transform: at(x(here.lr), top) }));
  }
  return () => undefined;
};
