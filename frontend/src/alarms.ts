// Where a training's findings began: a line at their step, and their code above it.

import type { AlarmData } from "./data";
import type { Plot } from "./frame";
import { cut } from "./words";

const LABEL = 40; // pixels
const LINE = 13;

export function markAlarms(
  { x, width, height, path, say }: Pick<Plot, "x" | "width" | "height" | "path" | "say">,
  alarms: AlarmData[],
  named: boolean,
): void {
  const ends: number[] = [];
  for (const { step, code, severity } of alarms) {
    const left = Math.round(x(step)) + 0.5;
    if (Number.isNaN(left)) continue;
    path(severity === "error" ? "alarm error" : "alarm", `M${left},0V${height}`);
    if (!named) continue;
    // Labels that would run into each other stand below each other.
    const turned = left + LABEL > width;
    const from = turned ? left - LABEL : left;
    const free = ends.findIndex((end) => end < from);
    const row = free < 0 ? ends.length : free;
    ends[row] = from + LABEL;
    say(
      severity === "error" ? "aside alarm-code error" : "aside alarm-code",
      cut(code, 6),
      left + (turned ? -4 : 4),
      11 + row * LINE,
      turned ? "end" : "start",
    );
  }
}
