// The model of the learning rate under the ball, over the data; or a function of one weight.

import { html, svg } from "../../dom";
import { CROSS, plot, type Plot } from "../../frame";
import { at, dots, line, sticks } from "../../path";
import { extent, roomy, type Scale } from "../../scale";
import { number, stepsOf } from "../../words";
import type { ModelData } from "../contract";
import { missed, type Model } from "../model";
import { atMinimum } from "../scene";
import { makePoints, type MoveRow } from "./points";
import type { Paint, Show, Size } from "./view";

const GHOSTS = 5;
const MANY = 400;
const SAMPLES = 161; // of a function

export const paintFit =
  (move: MoveRow): Paint =>
  (host, scene, size) => {
    const { live, model } = scene;
    if (!model || !live.model) return null;
    if (live.model.rows) return paintModel(host, scene, size, live.model, move);
    return live.weights.length === 1 ? paintFunction(host, scene, size) : null;
  };

type Axes = { x: Scale; y: Scale };

const through = ({ x, y }: Axes, across: ArrayLike<number>, up: ArrayLike<number>): string =>
  line(
    across.length,
    (index) => x(across[index]!),
    (index) => y(up[index]!),
  );

const paintModel = (
  ...[host, { live, model, ghost }, size, data, move]: [...Parameters<Paint>, ModelData, MoveRow]
): Show => {
  const data_y = [...data.rows!.target];
  const over = data.rows!.x !== null && data.curve !== null;
  const across = data.rows!.x ?? data_y;
  const stack = html("div", { class: "stack" });
  host.append(stack);
  const frame = axesOf(stack, size, data, across, over);
  const { x, y } = frame;
  const best = atMinimum(live);
  if (!over) return paintPredicted(frame, model!, data_y);
  const along = data.curve!.x;
  const ghosts = frame.path("ghost");
  if (ghost?.model && ghost.live.model?.curve) {
    const ended = ghost.model.along(ghost.descent.values.at(-1) ?? []);
    frame.path("before", through(frame, ghost.live.model.curve.x, ended));
  }
  if (best) frame.path("best", through(frame, along, model!.along(best)));
  const residuals = frame.path("stick");
  const points = frame.path(data_y.length > MANY ? "data many" : "data");
  const scatter = (): string =>
    dots(
      data_y.length,
      (row) => x(across[row]!),
      (row) => y(data_y[row]!),
    );
  points.setAttribute("d", scatter());
  const line_ = frame.path("model");
  let drawn: unknown = null;
  const show: Show = (descent, index) => {
    seen = [descent, index];
    const weights = descent.values[index] ?? [];
    if (drawn !== descent) {
      drawn = descent;
      const every = Math.max(1, Math.floor(descent.values.length / GHOSTS));
      const earlier = descent.values.filter((_, place) => place % every === 0);
      ghosts.setAttribute(
        "d",
        earlier.map((known) => through(frame, along, model!.along(known))).join(""),
      );
    }
    const said = model!.atRows(weights);
    line_.setAttribute("d", through(frame, along, model!.along(weights)));
    residuals.setAttribute(
      "d",
      sticks(
        data_y.length,
        (row) => x(across[row]!),
        (row) => y(data_y[row]!),
        (row) => y(said[row]!),
      ),
    );
    return fitTitle(descent.frames[index] ?? 0, missed(said, data_y));
  };
  let seen: Parameters<Show> | null = null;
  const drag = (): void => {
    points.setAttribute("d", scatter());
    if (seen) show(...seen);
  };
  if (data.rows!.movable) {
    const rows = {
      across,
      up: data_y,
      names: [data.columns[0]!, data.target!] as [string, string],
    };
    stack.append(makePoints(frame, size, rows, drag, move));
  }
  return show;
};

/** Where there is no one column to draw over: what the model says against what is. */
function paintPredicted(frame: Plot, model: Model, target: readonly number[]): Show {
  const { x, y } = frame;
  frame.path("best", through(frame, x.domain, x.domain));
  const points = frame.path(target.length > MANY ? "model-dots many" : "model-dots");
  return (descent, index) => {
    const said = model.atRows(descent.values[index] ?? []);
    const place = dots(
      target.length,
      (row) => x(said[row]!),
      (row) => y(target[row]!),
    );
    points.setAttribute("d", place);
    return fitTitle(descent.frames[index] ?? 0, missed(said, target));
  };
}

function axesOf(
  host: HTMLElement,
  size: Size,
  { columns, target, rows }: ModelData,
  across: readonly number[],
  over: boolean,
): Plot {
  const told = extent("linear", rows!.target);
  return plot(host, size, "The model over the data", {
    x: {
      axis: { label: over ? columns[0]! : "what the model says", scale: "linear" },
      domain: roomy("linear", extent("linear", across), over ? 0.03 : 0.2),
    },
    y: {
      axis: { label: target ?? "target", scale: "linear" },
      domain: roomy("linear", told, over ? 0.2 : 0.05),
    },
  });
}

const fitTitle = (step: number, by: number): string =>
  Number.isFinite(by)
    ? `After ${stepsOf(step)} the model misses the data by ${number(by, 4)} (root mean square).`
    : `After ${stepsOf(step)} the model gives no number.`;

function paintFunction(...[host, { live, model, ghost }, size]: Parameters<Paint>): Show {
  const begin = live.values[0]?.[0]?.[0] ?? 1;
  const lowest = atMinimum(live)?.[0] ?? 0;
  // As far to the other side of the minimum as the start is on this one.
  const reach = 1.3 * Math.max(Math.abs(begin - lowest), 1e-9);
  const values = Array.from(
    { length: SAMPLES },
    (_, index) => lowest + reach * ((2 * index) / (SAMPLES - 1) - 1),
  );
  const losses = values.map((value) => model!.alone([value]));
  const [least, highest] = extent("linear", losses) ?? [0, 1];
  const begun = Math.max(model!.alone([begin]), least + 1e-3 * (highest - least));
  const frame = plot(host, size, "The function", {
    x: {
      axis: { label: live.weights[0]!, scale: "linear" },
      domain: roomy("linear", extent("linear", values), 0),
    },
    y: {
      axis: { label: "loss", scale: "linear" },
      domain: roomy("linear", [least, Math.min(highest, begun + 0.6 * (begun - least))]),
    },
  });
  const { x, y } = frame;
  frame.path("weight w0", through(frame, values, losses));
  const best = atMinimum(live)?.[0];
  if (best !== undefined) {
    const spot = at(x(best), y(live.minimum!.loss));
    frame.put(svg("path", { class: "minimum", d: CROSS, transform: spot }));
  }
  const path = (rows: number[][], loss: number[]): string =>
    line(
      rows.length,
      (index) => x(rows[index]![0]!),
      (index) => y(loss[index]!),
    );
  if (ghost) frame.path("before", path(ghost.descent.values, ghost.descent.loss));
  const trail = frame.path("path ahead");
  const behind = frame.path("path");
  const here = frame.put(svg("circle", { class: "here", r: 5.5 }));
  const name = live.weights[0] ?? "it";
  return ({ frames, values: rows, loss }, index) => {
    trail.setAttribute("d", path(rows, loss));
    behind.setAttribute("d", path(rows.slice(0, index + 1), loss));
    here.setAttribute("transform", at(x(rows[index]?.[0] ?? NaN), y(loss[index] ?? NaN)));
    const [from, to] = [rows[0]?.[0] ?? NaN, rows.at(-1)?.[0] ?? NaN];
    const steps = stepsOf(frames.at(-1) ?? 0);
    return `In ${steps} ${name} goes from ${number(from, 4)} to ${number(to, 4)}.`;
  };
}
