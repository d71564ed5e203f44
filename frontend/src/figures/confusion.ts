// Which classes are taken for which: mistakes in the warm colour, what is right in gray.

import type { ConfusionData } from "../data";
import { svg } from "../dom";
import { picture, type Draw } from "../frame";
import { px } from "../path";
import { count, cut } from "../words";

const CHARACTER = 6.6; // pixels
const [LOWEST, TALLEST] = [20, 28]; // pixels a row
const MOST = 20; // characters of a name
const HEAD = 20; // pixels for what an axis shows
const SHORT = 4; // characters that stand upright below a column

export const drawConfusion: Draw<ConfusionData> = (host, data, stage) => {
  const { counts, totals } = data;
  const fits = Math.min(MOST, Math.floor(stage.width / 3 / CHARACTER));
  const names = data.classes.map((name) => cut(name, fits));
  const many = Math.max(1, names.length);
  const longest = Math.max(1, ...names.map((name) => name.length));
  const left = Math.round(longest * CHARACTER) + 10;
  const cell = (stage.width - left - 2) / many;
  const tall = Math.min(TALLEST, Math.max(LOWEST, cell));
  const slanted = longest > Math.max(SHORT, Math.floor(cell / CHARACTER));
  const foot = slanted ? Math.round(longest * CHARACTER * 0.75) + 14 : 20;
  const root = picture(host, data.text, stage.width, HEAD + many * tall + foot + HEAD);
  const body = svg("g", { transform: `translate(${left},${HEAD})` });
  root.append(body);
  const say = (name: string, said: string, x: number, y: number, anchor: string): SVGElement => {
    const element = svg("text", { class: name, x: px(x), y: px(y), "text-anchor": anchor }, said);
    body.append(element);
    return element;
  };
  say("name", `${cut(data.y.label, 40)} ↓`, -left, -8, "start");
  say("name", `${cut(data.x.label, 40)} →`, many * cell, many * tall + foot + 14, "end");
  let worst = 1;
  counts.forEach((row, at) =>
    row.forEach((found, column) => {
      if (at !== column && found > worst) worst = found;
    }),
  );
  counts.forEach((row, at) =>
    row.forEach((found, column) => {
      if (!(found > 0) || !Number.isFinite(found)) return;
      const right = at === column;
      const share = right ? found / Math.max(1, totals[at] ?? found) : found / worst;
      const box = svg("rect", {
        class: right ? "told" : "mistaken",
        x: px(column * cell),
        y: px(at * tall),
        width: px(cell - 1),
        height: px(tall - 1),
      });
      box.style.fillOpacity = String(
        Math.round(100 * (right ? 0.08 + 0.14 * share : 0.15 + 0.4 * share)) / 100,
      );
      body.append(box);
      const name = right ? "tick" : "tick mistaken-count";
      say(name, count(found), (column + 0.5) * cell, (at + 0.5) * tall + 4, "middle");
    }),
  );
  names.forEach((name, place) => {
    say("tick", name, -7, (place + 0.5) * tall + 4, "end");
    const [x, y] = [(place + 0.5) * cell, many * tall + 14];
    const below = say("tick", name, x, y, slanted ? "end" : "middle");
    if (slanted) below.setAttribute("transform", `rotate(-40 ${px(x)} ${px(y)})`);
  });
  return () => undefined;
};
