// What the sweep says of one learning rate, in words.

import { number, stepsOf } from "../words";
import type { Live } from "./contract";

const zoneAt = ({ zones }: Live, rate: number): string | null =>
  zones.find(({ low, high }) => rate >= low && rate <= high)?.word ?? null;

/** The place of the quickest learning rate to the goal. */
export function quickest({ steps }: Live): number | null {
  let found: number | null = null;
  steps.forEach((value, index) => {
    if (value !== null && (found === null || value < steps[found]!)) found = index;
  });
  return found;
}

/** What stands over the slider, and what it says aloud. */
export function rateWords(live: Live, index: number): string {
  const zone = zoneAt(live, live.rates[index]!);
  const steps = live.steps[index] ?? null;
  const does =
    steps !== null
      ? `${stepsOf(steps)} to the goal`
      : live.outcome[index] === "diverged"
        ? "the descent diverges"
        : "it does not reach the goal";
  return `Learning rate ${number(live.rates[index]!, 4)}${zone ? `, ${zone}` : ""}: ${does}`;
}

/** The headline at once, before the run is judged. */
export function quickWords(live: Live, index: number): string {
  const rate = number(live.rates[index]!, 4);
  const zone = zoneAt(live, live.rates[index]!);
  const steps = live.steps[index];
  if (live.outcome[index] === "diverged") {
    return `Too large: with the learning rate ${rate} the loss grows without end.`;
  }
  if (steps == null || !zone) return `${rateWords(live, index)}.`;
  const word = zone[0]!.toUpperCase() + zone.slice(1);
  const goal = `${stepsOf(steps)} away`;
  return `${word}: with the learning rate ${rate} the goal is ${goal}.`;
}
