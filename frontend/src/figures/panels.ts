// The data and the model at steps of choice: a panel for each, with the same axes.

import type { PanelsData } from "../data";
import { svg } from "../dom";
import { picture, plot, type Draw, type Stage } from "../frame";
import { dots, line } from "../path";
import { extent, roomy, scale, type Tick } from "../scale";
import { count, cut } from "../words";

const NARROWEST = 130; // pixels a panel
const MOST_BESIDE = 4;
const TALL = 200; // pixels
const LETTER = 6.4; // pixels
const BARE = 8; // pixels beside a panel without numbers

export const drawPanels: Draw<PanelsData> = (host, data, stage) => {
  const { data_y, predicted, mode, row, curve_x = [], curve_y = [] } = data;
  const across = mode === "curve" ? [data.data_x, curve_x] : predicted;
  const heights = mode === "curve" ? [data_y, predicted.flat(), curve_y.flat()] : [data_y];
  const xDomain = roomy(data.x.scale, extent(data.x.scale, ...across), 0.04);
  const given = data.range?.every(Number.isFinite) ? data.range : null;
  const [low, high] = given ?? roomy(data.y.scale, extent(data.y.scale, ...heights));
  const yDomain: [number, number] = [low!, high!];
  const steps = data.step;

  const beside = Math.min(MOST_BESIDE, Math.max(1, Math.floor(stage.width / NARROWEST)));
  const rows = Math.max(1, Math.ceil(steps.length / beside));
  const columns = Math.max(1, Math.ceil(steps.length / rows));
  const ticks = scale(data.y.scale, yDomain, [TALL, 0]).ticks(5);
  const bare = ticks.map(({ value }): Tick => ({ value, label: "" }));
  const room = Math.round(Math.max(0, ...ticks.map(({ label }) => label.length)) * LETTER + 10);
  const wide = (stage.width - room + BARE) / columns;
  const root = picture(host, data.text, stage.width, rows * TALL);
  steps.forEach((step, index) => {
    const [place, top] = [index % columns, Math.floor(index / columns) * TALL];
    const first = place === 0;
    const last = place === columns - 1 || index === steps.length - 1;
    const said = `step ${count(step)}`;
    const free = Math.floor(wide / LETTER) - said.length;
    const size: Pick<Stage, "width" | "height"> = {
      width: wide + (first ? room - BARE : 0),
      height: TALL,
    };
    const group = svg("g");
    const frame = plot(group as unknown as HTMLElement, size, "", {
      x: { axis: { ...data.x, label: last ? data.x.label : "" }, domain: xDomain },
      y: {
        axis: { ...data.y, label: first ? cut(data.y.label, Math.max(2, free)) : "" },
        domain: yDomain,
        ticks: first ? ticks : bare,
        room: first ? room : BARE,
      },
    });
    const left = first ? 0 : room - BARE + place * wide;
    const box = { x: left, y: top, width: size.width, height: TALL, class: "panel" };
    for (const [name, value] of Object.entries(box)) frame.picture.setAttribute(name, `${value}`);
    for (const name of ["role", "aria-label"]) frame.picture.removeAttribute(name);
    frame.say("value", said, frame.width, -9, "end");
    drawPanel(frame, index);
    root.append(frame.picture);
  });
  return () => undefined;

  function drawPanel({ x, y, path }: ReturnType<typeof plot>, index: number): void {
    const model = predicted[index] ?? [];
    const points = (left: number[]): string =>
      dots(
        row.length,
        (at) => x(left[at] ?? NaN),
        (at) => y(data_y[at]!),
      );
    if (mode === "predicted") {
      const equal = extent("linear", x.domain, y.domain)!;
      path(
        "best",
        line(
          2,
          (at) => x(equal[at]!),
          (at) => y(equal[at]!),
        ),
      );
      path("model-dots small", points(model));
      return;
    }
    path("data small", points(data.data_x));
    path(
      "model",
      line(
        curve_x.length,
        (at) => x(curve_x[at]!),
        (at) => y(curve_y[index]?.[at] ?? NaN),
      ),
    );
  }
};
