// Of more than two weights, which two the contour is over, and how much of their plane is seen.

import { html } from "../dom";
import type { Live, Plane, Window } from "./contract";

const MOST = 8; // weights to choose from
const ROOM = 0.25; // of the way from the start to the minimum, on either side

export interface PlaneChoice {
  element: HTMLElement;
  offer: (weights: string[], now: [string, string] | null) => void;
}

export function makePlaneChoice(chosen: (pair: [string, string]) => void): PlaneChoice {
  const select = html("select", { id: "plane" });
  const label = html("label", { for: "plane" }, "over");
  const element = html("p", { class: "plane-choice" }, label, select);
  let pairs: [string, string][] = [];
  select.addEventListener("change", () => {
    const pair = pairs[select.selectedIndex];
    if (pair) chosen(pair);
  });
  return {
    element,
    offer(weights, now) {
      element.hidden = weights.length < 3 || now === null;
      const some = weights.slice(0, MOST);
      pairs = some.flatMap((a, index) =>
        some.slice(index + 1).map((b): [string, string] => [a, b]),
      );
      select.replaceChildren(...pairs.map(([a, b]) => html("option", {}, `${a} × ${b}`)));
      select.selectedIndex = pairs.findIndex((pair) => String(pair) === String(now));
    },
  };
}

/** As much of the plane of two weights as holds the start and the minimum. */
export function windowOn(live: Live, pair: [string, string]): Window | null {
  if (!pair.every((name) => live.weights.includes(name))) return null;
  const span = (name: string): [number, number] => {
    const begin = live.values[0]?.[0]?.[live.weights.indexOf(name)] ?? 0;
    const end = live.minimum?.weights[name] ?? begin;
    const [low, high] = [Math.min(begin, end), Math.max(begin, end)];
    const room = (high - low || Math.abs(low) || 1) * ROOM;
    return [low - room, high + room];
  };
  return { weights: pair, x: span(pair[0]), y: span(pair[1]) };
}

/** What is seen now. */
export const windowOf = ({ weights, grid_x, grid_y }: Plane): Window => ({
  weights,
  x: [grid_x[0]!, grid_x.at(-1)!],
  y: [grid_y[0]!, grid_y.at(-1)!],
});
