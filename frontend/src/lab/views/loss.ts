// The loss by step of the learning rate under the ball.

import { svg } from "../../dom";
import { choosable, nearest, plot } from "../../frame";
import type { Cursor } from "../../cursor";
import { at, line } from "../../path";
import { extent, roomy } from "../../scale";
import { number, stepsOf } from "../../words";
import type { Live } from "../contract";
import type { Descent } from "../scene";
import type { Paint } from "./view";

// What diverges leaves the picture at the top; what falls for ever, at the bottom.
const [GROWN, FALLEN] = [30, 1e-8]; // times the first loss
const CLOSE = 24; // pixels
const LONG = 100; // steps, beyond which the axis is logarithmic

export const paintLoss =
  (cursor: Cursor): Paint =>
  (host, { live, ghost }, size) => {
    const steps = [...live.frames, ...(ghost?.descent.frames ?? [])];
    const last = Math.max(1, ...steps);
    const first = Math.max(live.loss[0]?.[0] ?? NaN, ghost?.descent.loss[0] ?? 0);
    const { kind, domain } = heights(live, ghost?.descent.loss ?? [], first);
    const frame = plot(host, size, "The loss by step", {
      x: {
        axis: { label: "step", scale: last > LONG ? "symlog" : "linear" },
        domain: [0, last],
      },
      y: { axis: { label: "loss", scale: kind }, domain },
    });
    const { x, y, width } = frame;
    if (live.minimum && Number.isFinite(y(live.minimum.loss))) {
      const top = y(live.minimum.loss);
      frame.path("level", `M0,${Math.round(top) + 0.5}H${width}`);
      // Where the descent begins: most are far from the minimum there.
      const begins = Math.abs(top - y(first)) > CLOSE;
      const words = `minimum ${number(live.minimum.loss, 4)}`;
      frame.say("aside", words, begins ? 4 : width, top - 5, begins ? "start" : "end");
    }
    const trace = (descent: Descent, upTo = descent.frames.length - 1): string =>
      line(
        upTo + 1,
        (index) => x(descent.frames[index]!),
        (index) => y(descent.loss[index]!),
      );
    if (ghost) frame.path("before", trace(ghost.descent));
    const ahead = frame.path("path ahead");
    const behind = frame.path("path");
    const now = frame.path("now");
    const here = frame.put(svg("circle", { class: "here", r: 5 }));
    let frames = live.frames;
    choosable(frame, cursor, (pointer) =>
      nearest(frames.length, (index) => Math.abs(x(frames[index]!) - pointer)),
    );
    return (descent, index) => {
      frames = descent.frames;
      ahead.setAttribute("d", trace(descent));
      behind.setAttribute("d", trace(descent, index));
      const left = x(frames[index] ?? NaN);
      now.setAttribute("d", `M${Math.round(left) + 0.5},0V${frame.height}`);
      here.setAttribute("transform", at(left, y(descent.loss[index] ?? NaN)));
      return lossTitle(descent);
    };
  };

/** One range for all learning rates, so that the picture stands still while the slider moves. */
function heights(live: Live, former: number[], first: number) {
  const least = live.minimum?.loss ?? Infinity;
  const all = extent("linear", live.loss.flat(), former, [live.minimum?.loss]) ?? [0, 1];
  const known = extent("log", live.loss.flat(), former);
  if (all[0] >= 0 && known && known[1] > 10 * known[0]) {
    const low = Math.max(Math.min(known[0], least > 0 ? least : Infinity), first * FALLEN);
    const high = Math.min(known[1], first * GROWN);
    return { kind: "log" as const, domain: roomy("log", [Math.min(low, high), high]) };
  }
  const low = Math.min(
    least,
    first,
    ...live.loss.map((row) => row.at(-1)!).filter(Number.isFinite),
  );
  const floor = Math.max(low, Math.min(least, first) - Math.abs(first));
  const high = Math.min(all[1], first + (first - floor || 1));
  return { kind: "linear" as const, domain: roomy("linear", [Math.min(floor, high), high]) };
}

export function lossTitle({ frames, loss, broke }: Descent): string {
  const [from, steps] = [loss[0] ?? NaN, frames.at(-1) ?? 0];
  const end = loss.findLast(Number.isFinite) ?? NaN;
  const moves = end > from ? "grows" : end < from ? "falls" : "stays";
  if (moves === "stays") return `The loss stays at ${number(from, 3)} for ${stepsOf(steps)}.`;
  const words = `The loss ${moves} from ${number(from, 3)} to ${number(end, 3)}`;
  return broke === null
    ? `${words} in ${stepsOf(steps)}.`
    : `${words} in ${stepsOf(broke)}: it diverges.`;
}
