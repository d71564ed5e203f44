// Which rows pull on which weight: with the rows not drawn, the bars add up to the partial.

import type { PullsData } from "../data";
import { svg } from "../dom";
import { picture, type Draw } from "../frame";
import { px } from "../path";
import { cut, number } from "../words";

const BOTTOM = 38;
const MOST = 8; // weights that still have room for bars
const BAND = 58; // pixels a weight at least
const WORDS = 22; // pixels above a weight's bars

export const drawPulls: Draw<PullsData> = (host, data, stage) => {
  const { row, weights, amount, rest } = data;
  const shown = weights.slice(0, MOST);
  const full = Math.max(stage.height, shown.length * BAND + BOTTOM);
  const root = picture(host, data.text, stage.width, full);
  const width = stage.width - 1;
  const band = (full - BOTTOM) / Math.max(1, shown.length);
  const half = (band - WORDS) / 2 - 2;
  // After the rows, at some distance, all the others together, if there are any.
  const others = rest.flat().some((pull) => pull !== 0);
  const slot = width / (row.length + (others ? 2.5 : 0));
  const bar = Math.max(1, slot * 0.72);
  const left = (place: number): number =>
    slot * (place < row.length ? place + 0.5 : place + 1.2) - bar / 2;

  const bands = shown.map((weight, index) => {
    const zero = Math.round(band * index + WORDS + half) + 0.5;
    const known = stage.board.weights.indexOf(weight);
    const bars = svg("path", { class: `bar w${(known < 0 ? index : known) % 7}` });
    const sum = svg("text", {
      class: "value",
      x: width,
      y: band * index + 14,
      "text-anchor": "end",
    });
    root.append(
      svg("path", { class: "axis", d: `M0,${zero}H${width}` }),
      bars,
      svg("text", { class: "name strong", x: 0, y: band * index + 14 }, cut(weight, 24)),
      sum,
    );
    return { bars, sum, zero };
  });
  let free = -Infinity;
  [...row.map(String), ...(others ? ["rest"] : [])].forEach((label, place) => {
    const middle = left(place) + bar / 2;
    const reach = label.length * 3.2;
    const isRest = place === row.length;
    if (middle - reach < free) return;
    if (others && !isRest && middle + reach > left(row.length) - 14) return;
    free = middle + reach + 8;
    root.append(
      svg("text", { class: "tick", x: px(middle), y: full - 20, "text-anchor": "middle" }, label),
    );
  });
  root.append(
    svg(
      "text",
      { class: "name", x: width, y: full - 4, "text-anchor": "end" },
      cut(data.x.label, 48),
    ),
  );

  return (frame) => {
    bands.forEach(({ bars, sum, zero }, index) => {
      const pulls = [
        ...(amount[frame]?.[index] ?? []),
        ...(others ? [rest[frame]?.[index] ?? NaN] : []),
      ];
      // Every frame has its own scale: the shares stay visible while the gradient fades.
      const most = Math.max(...pulls.map((pull) => (Number.isFinite(pull) ? Math.abs(pull) : 0)));
      const heights = pulls.map((pull) =>
        most > 0 ? half * Math.max(-1, Math.min(1, pull / most)) : 0,
      );
      bars.setAttribute(
        "d",
        heights
          .map((tall, place) =>
            Number.isNaN(tall)
              ? ""
              : `M${px(left(place))},${zero}v${px(-tall)}h${px(bar)}v${px(tall)}z`,
          )
          .join(""),
      );
      const total = pulls.reduce((sum_, pull) => sum_ + pull, 0);
      sum.textContent = `sum ${number(total, 4)}, largest ${number(most, 3)}`;
    });
  };
};
