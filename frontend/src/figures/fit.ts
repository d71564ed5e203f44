// The model over the data; with several columns, the target by what the model says.

import type { FitData } from "../data";
import { plot, type Draw } from "../frame";
import { dots, line, sticks } from "../path";
import { extent, roomy } from "../scale";

const GHOSTS = 6;

export const drawFit: Draw<FitData> = (host, data, stage) =>
  data.mode === "predicted" ? drawPredicted(host, data, stage) : drawCurve(host, data, stage);

/** The range of the data with that of `others`, as far as it is no longer than the data's own. */
function near(data: [number, number] | null, others: [number, number] | null) {
  if (!data || !others) return data ?? others;
  const length = data[1] - data[0] || Math.abs(data[0]) || 1;
  return [
    Math.max(Math.min(data[0], others[0]), data[0] - length / 2),
    Math.min(Math.max(data[1], others[1]), data[1] + length / 2),
  ] as [number, number];
}

const drawCurve: Draw<FitData> = (host, data, stage) => {
  const { data_x, data_y, predicted, curve_x = [], curve_y = [], best_y = null } = data;
  const { x: xAxis, y: yAxis } = data;
  const reached = near(extent(yAxis.scale, data_y), extent(yAxis.scale, curve_y.flat()));
  const frame = plot(host, stage, data.text, {
    x: { axis: xAxis, domain: roomy(xAxis.scale, extent(xAxis.scale, data_x, curve_x), 0.03) },
    y: { axis: yAxis, domain: roomy(yAxis.scale, reached) },
  });
  const { x, y } = frame;
  const along = curve_x.map(x);
  const curve = (heights: number[]): string =>
    line(
      along.length,
      (index) => along[index]!,
      (index) => y(heights[index]!),
    );

  // Where the model has been: a few frames, evenly among them.
  const every = Math.max(1, Math.floor(curve_y.length / GHOSTS));
  frame.path(
    "ghost",
    curve_y
      .filter((_, index) => index % every === 0)
      .map(curve)
      .join(""),
  );
  if (best_y) frame.path("best", curve(best_y));
  const left = data_x.map(x);
  const top = data_y.map(y);
  const residuals = frame.path("stick");
  frame.path(
    left.length > 400 ? "data many" : "data",
    dots(
      left.length,
      (index) => left[index]!,
      (index) => top[index]!,
    ),
  );
  const model = frame.path("model");
  const drawn = new Map<number, [string, string]>();
  return (index) => {
    let paths = drawn.get(index);
    if (paths === undefined) {
      const said = predicted[index] ?? [];
      paths = [
        curve(curve_y[index] ?? []),
        sticks(
          left.length,
          (row) => left[row]!,
          (row) => top[row]!,
          (row) => y(said[row] ?? NaN),
        ),
      ];
      drawn.set(index, paths);
    }
    model.setAttribute("d", paths[0]);
    residuals.setAttribute("d", paths[1]);
  };
};

const drawPredicted: Draw<FitData> = (host, data, stage) => {
  const { data_y, predicted, x: xAxis, y: yAxis } = data;
  const targets = extent(yAxis.scale, data_y);
  const frame = plot(host, stage, data.text, {
    x: {
      axis: xAxis,
      domain: roomy(xAxis.scale, near(targets, extent(xAxis.scale, predicted.flat()))),
    },
    y: { axis: yAxis, domain: roomy(yAxis.scale, targets) },
  });
  const { x, y } = frame;
  const equal = extent("linear", x.domain, y.domain)!;
  frame.path(
    "best",
    line(
      2,
      (index) => x(equal[index]!),
      (index) => y(equal[index]!),
    ),
  );
  const top = data_y.map(y);
  const points = frame.path(top.length > 400 ? "model-dots many" : "model-dots");
  return (index) => {
    const said = predicted[index] ?? [];
    points.setAttribute(
      "d",
      dots(
        top.length,
        (row) => x(said[row] ?? NaN),
        (row) => top[row]!,
      ),
    );
  };
};
