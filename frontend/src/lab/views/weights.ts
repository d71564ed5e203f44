// The weights, step by step, each on a line of its own: where it is, and where the minimum has it.

import { html, svg } from "../../dom";
import { at, line } from "../../path";
import { extent, roomy, scale } from "../../scale";
import { cut, number, stepsOf } from "../../words";
import { askable } from "../asked";
import { determined, type Descent } from "../scene";
import type { Paint } from "./view";

const [TALL, MOST, EDGE] = [34, 8, 6];
const [NEAR, AWAY] = [0.01, 10]; // of a weight's way to the minimum
const REACH = 2; // times from the start to the minimum: farther out lies what diverges

export const paintWeights: Paint = (host, { live }, { width }) => {
  const best = determined(live);
  const list = html("ul", { class: "course-list" });
  host.append(list);
  const shown = live.weights.slice(0, MOST);
  const moves = shown.map((name, weight) => {
    const value = askable({ about: "weight", weight: name });
    const partial = askable({ about: "partial", weight: name });
    value.classList.add("value");
    partial.classList.add("partial");
    const picture = svg("svg", { viewBox: `0 0 ${width} ${TALL}`, "aria-hidden": "true" });
    const goal = svg("path", { class: "best" });
    const ahead = svg("path", { class: `weight ahead w${weight % 7}` });
    const course = svg("path", { class: `weight w${weight % 7}` });
    const here = svg("circle", { class: "here", r: 4 });
    picture.append(goal, ahead, course, here);
    const swatch = svg("svg", { viewBox: "0 0 10 10", class: "mark", "aria-hidden": "true" });
    swatch.append(svg("rect", { class: `bar w${weight % 7}`, width: 10, height: 10 }));
    const words = html("p", {}, swatch, html("span", { class: "name" }, cut(name, 24)), value);
    words.append(partial);
    list.append(html("li", {}, words, picture));
    let drawn: Descent | null = null;
    let places: [number, number][] = [];
    return (descent: Descent, frame: number): void => {
      const of = (row: number[] | undefined): number => row?.[weight] ?? NaN;
      const minimum = Number.isNaN(best?.[weight] ?? NaN) ? null : best![weight]!;
      if (drawn !== descent) {
        drawn = descent;
        places = course_(descent, weight, minimum, width);
        const top = places.pop()![1];
        goal.setAttribute("d", Number.isFinite(top) ? `M0,${top}H${width}` : "");
        ahead.setAttribute("d", through(places, places.length));
      }
      course.setAttribute("d", through(places, frame + 1));
      here.setAttribute("transform", at(...(places[frame] ?? [NaN, NaN])));
      value.textContent = number(of(descent.values[frame]), 5);
      partial.hidden = !descent.gradient;
      partial.textContent = descent.gradient ? `∂ ${number(of(descent.gradient[frame]), 4)}` : "";
    };
  });
  if (live.weights.length > MOST) {
    host.append(html("p", { class: "notes" }, `and ${live.weights.length - MOST} more`));
  }
  return (descent, frame) => {
    for (const move of moves) move(descent, frame);
    const nearest = furthest(descent, best, live.weights);
    const open = live.minimum?.undetermined ?? [];
    if (open.length) {
      const names = open.slice(0, MOST).map((name) => cut(name, 12));
      return `Not one minimum but many: ${names.join(", ")} are not determined by these data.`;
    }
    return nearest ?? `Where the weights are after ${stepsOf(descent.frames[frame] ?? 0)}.`;
  };
};

const through = (places: [number, number][], n: number): string =>
  line(
    Math.min(n, places.length),
    (index) => places[index]![0],
    (index) => places[index]![1],
  );

/** The places of a weight's values, and as the last one that of the minimum. */
function course_(
  { values }: Descent,
  weight: number,
  minimum: number | null,
  width: number,
): [number, number][] {
  const own = values.map((row) => row[weight]!);
  const away = minimum === null ? Infinity : Math.abs(own[0]! - minimum) * REACH;
  const near = own.filter((value) => minimum === null || Math.abs(value - minimum) <= away);
  const y = scale(
    "linear",
    roomy("linear", extent("linear", near.slice(0, values.length), [minimum, own[0]])),
    [TALL - EDGE, EDGE],
  );
  const across = (width - 2 * EDGE) / Math.max(1, own.length - 1);
  // What has left the picture comes back into it only by chance.
  const left = own.findIndex((value) => minimum !== null && Math.abs(value - minimum) > away);
  const spots = own.map((value, index): [number, number] => [
    EDGE + index * across,
    left >= 0 && index > left ? NaN : y(value),
  ]);
  return [...spots, [0, minimum === null ? NaN : Math.round(y(minimum)) + 0.5]];
}

/** The weight that has the longest way to go, in words. */
function furthest(
  { values, frames }: Descent,
  best: number[] | null,
  names: string[],
): string | null {
  const [first, last] = [values[0], values.at(-1)];
  if (!best || !first || !last) return null;
  const gone = names.map((name, index) => {
    const way = best[index]! - first[index]!;
    return { name, share: way === 0 ? 1 : (last[index]! - first[index]!) / way };
  });
  if (!gone.every(({ share }) => Number.isFinite(share))) return null;
  const steps = stepsOf(frames.at(-1) ?? 0);
  const ordered = [...gone].sort((a, b) => a.share - b.share);
  const [least, most] = [ordered[0]!, ordered.at(-1)!];
  const away = gone.findIndex(({ share }) => Math.abs(share) > AWAY);
  if (away >= 0) {
    const [end, goal] = [number(last[away]!, 4), number(best[away]!, 4)];
    return `In ${steps} ${cut(names[away]!, 16)} runs away to ${end}; at the minimum it is ${goal}.`;
  }
  if (gone.length > 1 && gone.every(({ share }) => Math.abs(share - 1) < NEAR)) {
    return `In ${steps} all weights go 99 % of their way to the minimum, or all of it.`;
  }
  const percent = (share: number): string => `${number(100 * share, 3)} %`;
  if (least.share === most.share) {
    return `In ${steps} ${cut(least.name, 16)} goes ${percent(least.share)} of its way.`;
  }
  return (
    `In ${steps} ${cut(most.name, 16)} goes ${percent(most.share)} of its way to the ` +
    `minimum, ${cut(least.name, 16)} ${percent(least.share)}.`
  );
}
