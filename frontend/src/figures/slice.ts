// The loss along one weight: the point, the slope there, and where the next step lands.

import type { FunctionData, SliceData } from "../data";
import { svg } from "../dom";
import { choosable, CROSS, nearest, plot, type Draw } from "../frame";
import { at, line } from "../path";
import { extent, roomy } from "../scale";

const TANGENT = 0.18; // of the axis, to either side
const GROWN = 100; // times the first loss
const SAMPLES = 24; // a tangent is bent where the axis is logarithmic

export const drawSlice: Draw<SliceData> = (host, data, stage) =>
  along(host, data, data.losses, `weight w${data.index % 7}`, stage);

export function along(
  host: HTMLElement,
  data: SliceData | FunctionData,
  losses: number[][],
  name: string,
  stage: Parameters<Draw<SliceData>>[2],
): (frame: number) => void {
  const { values, here, loss_here, slope, next, next_loss, minimum } = data;
  // A descent that grows leaves the picture; its last curves would press the others flat.
  const most = GROWN * Math.abs(loss_here[0] ?? NaN);
  const seen = losses.filter((_, index) => losses.length === 1 || loss_here[index]! <= most);
  const heights = extent(
    data.y.scale,
    seen.flat(),
    loss_here.filter((loss) => loss <= most),
  );
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, extent(data.x.scale, values), 0) },
    y: { axis: data.y, domain: roomy(data.y.scale, heights) },
  });
  const { x, y, width, height } = frame;
  const left = values.map(x);
  const curves = losses.map((row) =>
    line(
      values.length,
      (index) => left[index]!,
      (index) => y(row[index]!),
    ),
  );
  if (minimum !== null && Number.isFinite(x(minimum))) {
    // Where the weight is at the minimum; the others are elsewhere, so there is no height to it.
    frame.path("level", `M${Math.round(x(minimum)) + 0.5},0V${height}`);
    frame.put(svg("path", { class: "minimum", d: CROSS, transform: at(x(minimum), height - 7) }));
  }
  const curve = frame.path(name, curves[0]);
  const tangent = frame.path("tangent");
  const step = frame.path("step");
  const ghost = frame.put(svg("circle", { class: "next", r: 4.5 }));
  const point = frame.put(svg("circle", { class: "here", r: 5 }));

  choosable(frame, stage.cursor, (pointerX, pointerY) =>
    nearest(
      here.length,
      (index) => Math.hypot(x(here[index]!) - pointerX, y(loss_here[index]!) - pointerY),
      40,
    ),
  );
  return (index) => {
    const [value, loss, rise] = [here[index] ?? NaN, loss_here[index] ?? NaN, slope[index] ?? NaN];
    const middle = x(value);
    if (curves.length > 1) curve.setAttribute("d", curves[index] ?? "");
    point.setAttribute("transform", at(middle, y(loss)));
    ghost.setAttribute("transform", at(x(next[index] ?? NaN), y(next_loss[index] ?? NaN)));
    const places = [value, next[index] ?? NaN, next[index] ?? NaN];
    const tops = [loss, loss, next_loss[index] ?? NaN];
    step.setAttribute(
      "d",
      line(
        3,
        (corner) => x(places[corner]!),
        (corner) => y(tops[corner]!),
      ),
    );
    const reach = TANGENT * width;
    const pixel = (sample: number): number => middle - reach + (2 * reach * sample) / SAMPLES;
    tangent.setAttribute(
      "d",
      line(SAMPLES + 1, pixel, (sample) => y(loss + rise * (x.invert(pixel(sample)) - value))),
    );
  };
}
