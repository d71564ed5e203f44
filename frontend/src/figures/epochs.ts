// A training by epoch: the losses, and of classes the shares of right rows below them.

import type { AxisData, EpochsData } from "../data";
import { choosable, nearest, plot, type Draw, type Plot, type Stage } from "../frame";
import { dots, line } from "../path";
import { extent, roomy } from "../scale";
import { count } from "../words";

const LOWER = 158; // pixels
const ROOM = 56; // pixels beside both axes
const FEW = 60; // epochs that have a dot each
const TOP = 10; // pixels
const LABEL = 90;
const LONGEST = 112; // pixels, of the words at a line

export const drawEpochs: Draw<EpochsData> = (host, data, stage) => {
  const { epoch, step, loss, held_out, accuracy, held_out_accuracy, best } = data;
  const reached = extent("linear", epoch) ?? [0, 1];
  const domain: [number, number] = [Math.min(reached[0], 1), Math.max(reached[1], 2)];
  const heights = roomy(data.y.scale, extent(data.y.scale, loss, held_out ?? []));
  const room = ROOM;
  const upper = plot(host, stage, data.text, {
    x: accuracy
      ? { axis: { label: "", scale: "linear" }, domain, ticks: [] }
      : { axis: data.x, domain },
    y: { axis: data.y, domain: heights, room },
  });
  const parts = [upper];
  courses(upper, epoch, loss, held_out);
  if (accuracy) {
    const lower = below(host, data, stage, domain);
    courses(lower, epoch, accuracy, held_out_accuracy);
    parts.push(lower);
  }
  for (const part of parts) {
    if (best === null || Number.isNaN(part.x(best))) continue;
    const left = Math.round(part.x(best)) + 0.5;
    part.path("level", `M${left},0V${part.height}`);
    if (part !== parts.at(-1)) continue;
    const turned = left + LABEL > part.width;
    const said = `best: epoch ${count(best)}`;
    // Shares of right rows are high: there is room below them.
    const top = accuracy ? part.height - 7 : TOP;
    part.say("aside", said, left + (turned ? -5 : 5), top, turned ? "end" : "start");
  }
  direct(upper, data);

  const now = parts.map((part) => part.path("now"));
  const places = stage.board.frames.map((frame) => upper.x(epochAt(frame, step, epoch)));
  for (const part of parts) {
    choosable(part, stage.cursor, (pointer) =>
      nearest(places.length, (index) => Math.abs(places[index]! - pointer)),
    );
  }
  return (frame) => {
    const left = places[frame] ?? NaN;
    now.forEach((path, index) => {
      const d = Number.isFinite(left) ? `M${Math.round(left) + 0.5},0V${parts[index]!.height}` : "";
      path.setAttribute("d", d);
    });
  };
};

/** The plot of the accuracies; its words are those of the one above. */
function below(
  host: HTMLElement,
  { x, z, accuracy, held_out_accuracy }: EpochsData,
  { width }: Stage,
  domain: [number, number],
): Plot {
  const found = extent("linear", accuracy ?? [], held_out_accuracy ?? [], [1]) ?? [0, 1];
  const axis: AxisData = z ?? { label: "right", scale: "linear" };
  const values = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 1].filter(
    (value) => value >= found[0] - 0.02 && (found[0] < 0.75 ? value !== 0.9 : true),
  );
  const ticks = (values.length > 1 ? values : [found[0], 1]).map((value) => ({
    value,
    label: `${Math.round(1000 * value) / 10} %`,
  }));
  const lower = plot(host, { width, height: LOWER }, "", {
    x: { axis: x, domain },
    y: { axis, domain: roomy("linear", found, 0.08), ticks, room: ROOM },
  });
  for (const name of ["role", "aria-label"]) lower.picture.removeAttribute(name);
  lower.picture.setAttribute("aria-hidden", "true");
  return lower;
}

function courses(part: Plot, epoch: number[], learned: number[], held_out: number[] | null): void {
  const along = (index: number): number => part.x(epoch[index]!);
  const of = (values: number[]) => (index: number) => part.y(values[index]!);
  part.path("path", line(epoch.length, along, of(learned)));
  if (!held_out) return;
  part.path("trace", line(epoch.length, along, of(held_out)));
  if (epoch.length <= FEW) part.path("data small", dots(epoch.length, along, of(held_out)));
}

/** Words at the ends of the lines, where they lie apart. */
function direct(part: Plot, { loss, held_out }: EpochsData): void {
  const place = Math.floor(loss.length * 0.45);
  if (!held_out || loss.length < 2) return;
  const [one, other] = [part.y(loss[place]!), part.y(held_out[place]!)];
  const { x, width } = part;
  const left = Math.min(width - 4, Math.max(LONGEST, x(1 + place)));
  if (!(Math.abs(one - other) > 8)) return;
  // The lines fall: above them there is room to the right, and below them to the left.
  const up = other < one;
  const [end, start] = ["end", "start"];
  part.say("aside", "rows held out", left, other + (up ? -9 : 18), up ? start : end);
  part.say("aside back", "rows learned from", left, one + (up ? 18 : -9), up ? end : start);
}

/** Which epoch a step belongs to, with its share. */
function epochAt(frame: number, step: number[], epoch: number[]): number {
  const after = step.findIndex((end) => end >= frame);
  if (after < 0) return epoch.at(-1) ?? NaN;
  const [from, before] = after ? [step[after - 1]!, epoch[after - 1]!] : [0, epoch[0]! - 1];
  const share = (frame - from) / Math.max(1, step[after]! - from);
  return Math.max(1, before + share * (epoch[after]! - before));
}
