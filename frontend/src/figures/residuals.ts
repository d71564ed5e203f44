// What the model leaves over at each row: the target less the prediction.

import type { ResidualsData } from "../data";
import { plot, type Draw } from "../frame";
import { dots, sticks } from "../path";
import { extent, roomy } from "../scale";

export const drawResiduals: Draw<ResidualsData> = (host, data, stage) => {
  const { data_x, residual, x: xAxis, y: yAxis } = data;
  const frame = plot(host, stage, data.text, {
    x: { axis: xAxis, domain: roomy(xAxis.scale, extent(xAxis.scale, data_x), 0.03) },
    y: { axis: yAxis, domain: roomy(yAxis.scale, extent(yAxis.scale, residual.flat(), [0])) },
  });
  const { x, y, width } = frame;
  const left = data_x.map(x);
  const zero = y(0);
  frame.path("axis", `M0,${Math.round(zero) + 0.5}H${width}`);
  const stems = frame.path("stick");
  const heads = frame.path(left.length > 400 ? "model-dots many" : "model-dots");
  return (index) => {
    const left_over = residual[index] ?? [];
    const top = (row: number): number => y(left_over[row] ?? NaN);
    stems.setAttribute(
      "d",
      sticks(
        left.length,
        (row) => left[row]!,
        () => zero,
        top,
      ),
    );
    heads.setAttribute(
      "d",
      dots(left.length, (row) => left[row]!, top),
    );
  };
};
