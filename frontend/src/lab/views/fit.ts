// The model of the learning rate under the ball, over the data; or a function of one weight.

import { svg } from "../../dom";
import { CROSS, plot } from "../../frame";
import { at, dots, line, sticks } from "../../path";
import { extent, roomy, type Scale } from "../../scale";
import { number, stepsOf } from "../../words";
import type { ModelData } from "../contract";
import { missed } from "../model";
import { atMinimum } from "../scene";
import type { Paint, Show } from "./view";

const GHOSTS = 5;
const MANY = 400;
const SAMPLES = 161; // of a function

export const paintFit: Paint = (host, scene, size) => {
  const { live, model } = scene;
  if (!model || !live.model) return null;
  if (live.model.rows) return paintModel(host, scene, size, live.model);
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
  ...[host, { live, model, ghost }, size, data]: [...Parameters<Paint>, ModelData]
): Show => {
  const data_y = data.rows!.target;
  const told = extent("linear", data_y);
  const over = data.rows!.x !== null && data.curve !== null;
  const across = data.rows!.x ?? data_y;
  const room = over ? 0.2 : 0.05;
  const frame = plot(host, size, "The model over the data", {
    x: {
      axis: { label: over ? data.columns[0]! : "what the model says", scale: "linear" },
      domain: roomy("linear", extent("linear", across), over ? 0.03 : 0.2),
    },
    y: {
      axis: { label: data.target ?? "target", scale: "linear" },
      domain: roomy("linear", told, room),
    },
  });
  const { x, y } = frame;
  const best = atMinimum(live);
  if (!over) {
    frame.path("best", through(frame, frame.x.domain, frame.x.domain));
    const points = frame.path(data_y.length > MANY ? "model-dots many" : "model-dots");
    return (descent, index) => {
      const said = model!.atRows(descent.values[index] ?? []);
      const place = dots(
        data_y.length,
        (row) => x(said[row]!),
        (row) => y(data_y[row]!),
      );
      points.setAttribute("d", place);
      return fitTitle(descent.frames[index] ?? 0, missed(said, data_y));
    };
  }
  const along = data.curve!.x;
  const ghosts = frame.path("ghost");
  if (ghost?.model && ghost.live.model?.curve) {
    const ended = ghost.model.along(ghost.descent.values.at(-1) ?? []);
    frame.path("before", through(frame, ghost.live.model.curve.x, ended));
  }
  if (best) frame.path("best", through(frame, along, model!.along(best)));
  const residuals = frame.path("stick");
  frame.path(
    data_y.length > MANY ? "data many" : "data",
    dots(
      data_y.length,
      (row) => x(across[row]!),
      (row) => y(data_y[row]!),
    ),
  );
  const line_ = frame.path("model");
  let drawn: unknown = null;
  return (descent, index) => {
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
};

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
