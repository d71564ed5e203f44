// A training by step: its loss, and below it the learning rate with the limit that was measured.

import { markAlarms } from "../alarms";
import type { AxisData, TrainingData } from "../data";
import { svg } from "../dom";
import { choosable, nearest, plot, type Draw, type Plot } from "../frame";
import { at, dots, line, trail } from "../path";
import { extent, roomy } from "../scale";
import { number } from "../words";

const LOWER = 158; // pixels, the height of the learning rate's plot
const [NARROW, NARROWER] = [480, 320]; // pixels
const KEY = 28; // pixels from the axis, right of its name
const LABEL = 50; // pixels, half of the widest words at a line
const ROOM = 62; // pixels beside both axes

export const drawTraining: Draw<TrainingData> = (host, data, { board, cursor, ...stage }) => {
  const { step, loss, mean, top, validation, rates, limits, alarms } = data;
  const reached = extent("linear", step) ?? [0, 1];
  const domain: [number, number] = [reached[0], Math.max(reached[1], reached[0] + 1)];
  const inside = [...loss, ...validation.loss].filter((value) => top === null || value <= top);
  const heights = extent(data.y.scale, inside, inside.length ? [top] : []);
  const upper = plot(host, stage, data.text, {
    x: { axis: { label: "", scale: "linear" }, domain, ticks: [] },
    y: { axis: data.y, domain: roomy(data.y.scale, heights), room: ROOM },
  });
  const below: AxisData = data.z ?? { label: "learning rate", scale: "linear" };
  const lower = plot(host, { width: stage.width, height: LOWER }, "", {
    x: { axis: data.x, domain },
    y: {
      axis: below,
      domain: roomy(below.scale, extent(below.scale, rates.flat(), limits.lr), 0.12),
      room: ROOM,
    },
  });
  // Both are one picture, whose words the upper one says.
  for (const name of ["role", "aria-label"]) lower.picture.removeAttribute(name);
  lower.picture.setAttribute("aria-hidden", "true");

  const { x, y } = upper;
  const along = (index: number): number => x(step[index]!);
  markAlarms(upper, alarms, true);
  markAlarms(lower, alarms, false);
  if (mean) {
    upper.path(
      "path raw",
      line(step.length, along, (index) => y(loss[index]!)),
    );
  }
  const shown = mean ?? loss;
  const walked = trail(step.length, along, (index) => y(shown[index]!));
  upper.path("path ahead", walked.whole);
  const behind = upper.path("path");
  holdOut(upper, data);
  if (heights === null) upper.say("aside", "No loss here is a finite number.", 8, 16);

  bound(lower, data, stage.width);
  for (const course of rates) {
    lower.path(
      "trace",
      line(step.length, along, (index) => lower.y(course[index]!)),
    );
  }
  const reading = svg("text", { class: "aside", x: lower.width, y: -9, "text-anchor": "end" });
  lower.beside(reading);
  const [now, nowBelow] = [upper.path("now"), lower.path("now")];
  const here = upper.put(svg("circle", { class: "here", r: 5 }));

  const places = board.frames.map((frame) => x(frame));
  for (const part of [upper, lower]) {
    choosable(part, cursor, (pointer) =>
      nearest(places.length, (index) => Math.abs(places[index]! - pointer)),
    );
  }
  const upTo = board.frames.map((frame) => step.findLastIndex((known) => known <= frame));
  return (frame) => {
    const place = upTo[frame] ?? -1;
    behind.setAttribute("d", walked.upTo(place));
    const left = Math.round(places[frame]!) + 0.5;
    now.setAttribute("d", `M${left},0V${upper.height}`);
    nowBelow.setAttribute("d", `M${left},0V${lower.height}`);
    const value = board.loss[frame] ?? loss[place] ?? NaN;
    here.setAttribute("transform", at(places[frame]!, y(value)));
    const current = rates.map((course) => course[place]).filter((rate) => Number.isFinite(rate));
    reading.textContent = current.map((rate) => number(rate!, 3)).join(", ");
  };
};

/** The losses of the rows held out. */
function holdOut({ x, y, path, say }: Plot, { validation: { step, loss } }: TrainingData): void {
  const held = step.length;
  if (!held) return;
  const [heldX, heldY] = [(index: number) => x(step[index]!), (index: number) => y(loss[index]!)];
  path("trace", line(held, heldX, heldY));
  path("data small", dots(held, heldX, heldY));
  const before = Math.floor((held - 1) / 2);
  const anchor = heldX(before) < LABEL ? "start" : "middle";
  say("aside", "rows held out", heldX(before), heldY(before) - 8, anchor);
}

/** Up to where a learning rate is stable, as the probes measured it. */
function bound(lower: Plot, { limits }: TrainingData, width: number): void {
  const many = limits.step.length;
  if (!many) return;
  const [limitX, limitY] = [
    (index: number) => lower.x(limits.step[index]!),
    (index: number) => lower.y(limits.lr[index]!),
  ];
  const edge = line(many, limitX, limitY);
  if (edge) lower.path("zone beyond", `${edge}V0H${Math.round(limitX(0)) || 0}Z`);
  lower.path("level", edge);
  lower.path("best dots", dots(many, limitX, limitY));
  // What the line is stands above the plot, where nothing can cross it.
  lower.beside(svg("path", { class: "level", d: `M${KEY},-13h22` }));
  lower.beside(svg("path", { class: "best dots", d: `M${KEY + 11},-13h0` }));
  const said = width < NARROWER ? "limit" : "stability limit";
  lower.say("aside", width < NARROW ? said : `${said}, measured by probes`, KEY + 28, -9);
}
