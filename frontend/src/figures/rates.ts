// The loss by learning rate, of a network tried with each: coloured by the word about it.

import type { RatesData } from "../data";
import { svg } from "../dom";
import { plot, type Draw } from "../frame";
import { at, line, px, sticks } from "../path";
import { extent, roomy } from "../scale";
import { cut, number } from "../words";

const CHARACTER = 6.2; // pixels, of a zone's word
const COLOURS: Record<string, string> = { "too small": "w1", "just right": "w2" };

export const drawRates: Draw<RatesData> = (host, data, stage) => {
  const { lr, loss, steps, words, early, zones, limit, limit_said } = data;
  const rates = extent(data.x.scale, lr, [limit]);
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, rates, 0.03) },
    y: { axis: data.y, domain: roomy(data.y.scale, extent(data.y.scale, loss), 0.14) },
  });
  const { x, y, width, height } = frame;
  const inside = (value: number): number => Math.min(width, Math.max(0, x(value)));
  for (const { word, low, high } of zones) {
    const [from, to] = [inside(low), inside(high)];
    if (!(to - from > word.length * CHARACTER) || word === "not measured") continue;
    frame.say("aside", cut(word, 30), (from + to) / 2, 10, "middle");
  }
  if (limit !== null && Number.isFinite(x(limit))) {
    const left = Math.round(x(limit)) + 0.5;
    frame.path("level", `M${left},0V${height}`);
    const before = left > width / 2;
    const said = `${cut(limit_said ?? "limit", 30)}: ${number(limit, 3)}`;
    const span = said.length * CHARACTER;
    const from = before ? left - span : left;
    const beside = lr.flatMap((rate, index) => {
      const across = x(rate);
      return across > from - 10 && across < from + span + 10 ? [y(loss[index]!)] : [];
    });
    const top = freest([26, ...[0.25, 0.4, 0.55, 0.7].map((share) => share * height)], beside);
    frame.say("aside", said, left + (before ? -5 : 5), top, before ? "end" : "start");
  }
  // Losses after different numbers of steps are no one curve.
  for (const many of new Set(steps)) {
    const same = (index: number): number => (steps[index] === many ? y(loss[index]!) : NaN);
    frame.path(
      "link",
      line(lr.length, (index) => x(lr[index]!), same),
    );
  }
  frame.path(
    "missed",
    sticks(
      lr.length,
      (index) => (Number.isFinite(loss[index]) ? NaN : x(lr[index]!)),
      () => 1,
      () => 6,
    ),
  );
  lr.forEach((rate, index) => {
    const [left, top] = [x(rate), y(loss[index]!)];
    if (!Number.isFinite(loss[index]) || Number.isNaN(left + top)) return;
    const colour = COLOURS[words[index] ?? ""] ?? "";
    const name = words[index] === "too large" ? "trial beyond" : `trial ${colour}`;
    const circle = svg("circle", {
      class: early[index] ? `${name} early` : name,
      r: 4.5,
      transform: at(left, top),
    });
    frame.put(circle);
    if (rate !== data.own) return;
    const end = left > width / 2;
    const words_at = px(left + (end ? -9 : 9));
    frame.say("aside strong", "this training", words_at, px(top + 4), end ? "end" : "start");
  });
  return () => undefined;
};

/** The height that is farthest from all others. */
function freest(heights: number[], others: number[]): number {
  const room = (height: number): number =>
    Math.min(Infinity, ...others.filter(Number.isFinite).map((other) => Math.abs(other - height)));
  return heights.reduce((best, height) => (room(height) > room(best) ? height : best));
}
