// The loss by step: the trace, where the minimum is, and when the goal would be reached.

import type { LossData } from "../data";
import { svg } from "../dom";
import { choosable, nearest, plot, type Draw, type Plot } from "../frame";
import { at, line, trail } from "../path";
import { extent, roomy } from "../scale";
import { cut, number } from "../words";

export const drawLoss: Draw<LossData> = (host, data, { board, cursor, ...stage }) => {
  const { step, loss, minimum, forecast, validation } = data;
  const steps = extent(data.x.scale, step) ?? [0, 1];
  const last = steps[1];
  const reach = forecast ? [forecast.step, forecast.high].filter(Number.isFinite) : [];
  const far = Math.max(last, ...reach);
  // On a straight axis a forecast far away would press the trace into a corner.
  const fits = data.x.scale !== "linear" || far <= 3 * last;
  const heights = extent(data.y.scale, loss, validation ?? [], [minimum]);
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: [steps[0], Math.max(fits ? far : last, steps[0] + 1)] },
    y: { axis: data.y, domain: roomy(data.y.scale, heights) },
  });
  const { x, y, width } = frame;
  const along = (index: number): number => x(step[index]!);

  if (minimum !== null && Number.isFinite(y(minimum))) {
    const top = y(minimum);
    frame.path("level", `M0,${Math.round(top) + 0.5}H${width}`);
    frame.say("aside", `minimum ${number(minimum, 4)}`, width, top - 5, "end");
  }
  foresee(frame, data, fits);
  if (validation) {
    frame.path(
      "validation",
      line(step.length, along, (index) => y(validation[index]!)),
    );
    const end = validation.findLastIndex(Number.isFinite);
    if (end >= 0) frame.say("aside", "validation", along(end), y(validation[end]!) - 5, "end");
  }
  const walked = trail(step.length, along, (index) => y(loss[index]!));
  frame.path("path ahead", walked.whole);
  const behind = frame.path("path");
  const now = frame.path("now");
  const here = frame.put(svg("circle", { class: "here", r: 5 }));
  if (heights === null) frame.say("aside", cut("no loss here is a number", 40), 8, 16);

  const places = board.frames.map((reached) => x(reached));
  choosable(frame, cursor, (pointer) =>
    nearest(places.length, (index) => Math.abs(places[index]! - pointer)),
  );
  // The trace is thinned where it is long: the last of its steps up to the frame's.
  const upTo = board.frames.map((reached) => step.findLastIndex((known) => known <= reached));
  return (index) => {
    const value = board.loss[index] ?? loss[upTo[index]!] ?? NaN;
    behind.setAttribute("d", walked.upTo(upTo[index]!));
    const left = Math.round(places[index]!) + 0.5;
    now.setAttribute(
      "d",
      line(
        2,
        () => left,
        (end) => end * frame.height,
      ),
    );
    here.setAttribute("transform", at(places[index]!, y(value)));
  };
};

/** When the goal would be reached: where the axis has room for it drawn, else in words. */
function foresee(
  { x, y, width, path, say }: Plot,
  { step, loss, forecast, goal, minimum }: LossData,
  fits: boolean,
): void {
  if (!forecast) return;
  if (!fits) {
    say("aside", `the goal: step ${number(forecast.step, 3)} →`, width, 12, "end");
    return;
  }
  const top = y(goal ?? minimum ?? NaN);
  const end = step.length - 1;
  const ends = [x(step[end]!), x(forecast.step)];
  const tops = [y(loss[end]!), top];
  path(
    "forecast",
    line(
      2,
      (index) => ends[index]!,
      (index) => tops[index]!,
    ),
  );
  const whisker = [x(forecast.low), x(forecast.high)];
  path(
    "whisker",
    line(
      2,
      (index) => whisker[index]!,
      () => top,
    ),
  );
}
