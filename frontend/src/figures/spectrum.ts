// The curvatures along the loss's own directions, which weights each is made of, and the bound.

import type { SpectrumData } from "../data";
import { svg } from "../dom";
import { plot, type Draw } from "../frame";
import { at, px } from "../path";
import { extent, roomy } from "../scale";
import { number } from "../words";

const MIX = 64; // pixels, the bar beside the axis that shows a direction's shares of the weights
const GAP = 10;
const TALLEST = 16;

export const drawSpectrum: Draw<SpectrumData> = (host, data, stage) => {
  const { eigenvalues, vectors, bound } = data;
  const rows = eigenvalues.length;
  const reached = extent(data.x.scale, eigenvalues, [bound]);
  const frame = plot(host, stage, data.text, {
    x: { axis: data.x, domain: roomy(data.x.scale, reached, 0.06) },
    y: {
      axis: { ...data.y, scale: "linear" },
      domain: [-0.5, Math.max(0.5, rows - 0.5)],
      ticks: [],
      room: MIX + GAP,
    },
  });
  const { x, y, width, height } = frame;
  if (bound !== null && Number.isFinite(x(bound))) {
    const left = Math.round(x(bound)) + 0.5;
    const beyond = { x: left, width: Math.max(0, width - left), height };
    frame.put(svg("rect", { class: "zone beyond", ...beyond }));
    frame.path("level", `M${left},0V${height}`);
    const before = left > width / 2;
    frame.say("aside", number(bound, 4), left + (before ? -5 : 5), 10, before ? "end" : "start");
  }
  const tall = Math.min(TALLEST, (height / Math.max(1, rows)) * 0.7);
  eigenvalues.forEach((value, index) => {
    const middle = y(index);
    const end = x(value);
    const parts = (vectors[index] ?? []).map((part) => (Number.isFinite(part) ? part * part : 0));
    const whole = parts.reduce((sum, part) => sum + part, 0) || 1;
    let left = -MIX - GAP;
    parts.forEach((part, weight) => {
      const wide = (MIX * part) / whole;
      const box = { x: px(left), y: px(middle - tall / 2), width: px(wide), height: px(tall) };
      frame.beside(svg("rect", { class: `bar w${weight % 7}`, ...box }));
      left += wide;
    });
    const known = Number.isFinite(end) && Math.abs(end) < 1e5;
    if (known) {
      frame.path("grid", `M0,${Math.round(middle) + 0.5}H${px(end)}`);
      const place = { transform: at(end, middle) };
      frame.put(svg("circle", { class: "given", r: Math.max(2, tall / 3.2), ...place }));
    }
    // Many directions leave room for the dots alone.
    if (tall < 11) return;
    const turned = known && end > width * 0.7;
    const from = known ? end : 0;
    frame.say(
      "aside",
      number(value, 3),
      from + (turned ? -9 : 9),
      middle + 4,
      turned ? "end" : "start",
    );
  });
  return () => undefined;
};
