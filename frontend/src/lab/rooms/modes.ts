// The distance to the minimum along each direction of the curvature, step by step: which
// direction is done, and which has not begun.

import type { SpectrumData } from "../../data";
import { html, svg } from "../../dom";
import { plot } from "../../frame";
import { line } from "../../path";
import { extent, roomy } from "../../scale";
import { count, cut, number } from "../../words";
import type { Judged } from "../contract";
import { atMinimum, type Descent, type Scene } from "../scene";
import type { Room } from "./room";

const LONG = 100;
const MOST = 8;

const WHERE = "The directions are those of the curvature where the descent ended.";

interface Mode {
  curvature: number;
  /** The weight that the direction is mostly along. */
  weight: number;
  distance: number[];
}

export function makeModes(): Room {
  const host = html("div", { class: "drawing middling" });
  const said = html("p", {});
  const list = html("div", { class: "numbers" });
  const element = html("div", { class: "modes" }, said, host, list);
  let given: { scene: Scene; descent: Descent; modes: Mode[] } | null = null;
  let now: SVGPathElement | null = null;
  let across: (step: number) => number = () => NaN;
  let tall = 0;
  return {
    title: "Direction by direction",
    element,
    judge(scene, descent, judged) {
      given = { scene, descent, modes: modesOf(scene, descent, judged) };
      element.classList.remove("stale");
    },
    stale: () => element.classList.add("stale"),
    draw() {
      host.replaceChildren();
      list.replaceChildren();
      if (!given?.modes.length) {
        said.textContent =
          "This needs the curvatures of all directions, and a known minimum: one of them is not there.";
        return;
      }
      const { scene, descent, modes } = given;
      const { frames } = descent;
      const last = frames.at(-1) ?? 1;
      said.textContent = sentence(modes, scene.live.weights, last);
      const width = Math.max(260, Math.min(900, host.clientWidth));
      const far = extent(
        "log",
        modes.flatMap(({ distance }) => distance),
      );
      const frame = plot(host, { width, height: 280 }, said.textContent, {
        x: {
          axis: { label: "step", scale: last > LONG ? "symlog" : "linear" },
          domain: [0, Math.max(1, last)],
        },
        y: { axis: { label: "distance to the minimum", scale: "log" }, domain: roomy("log", far) },
      });
      across = frame.x;
      tall = frame.height;
      for (const { distance, weight } of modes) {
        frame.path(
          `weight w${weight % 7}`,
          line(
            frames.length,
            (index) => frame.x(frames[index]!),
            (index) => frame.y(distance[index]!),
          ),
        );
      }
      now = frame.path("now");
      list.append(listOf(modes, scene.live.weights, descent));
      list.append(html("p", { class: "notes" }, WHERE));
    },
    show(frame) {
      const step = given?.descent.frames[frame];
      if (step === undefined || !now) return;
      now.setAttribute("d", `M${Math.round(across(step)) + 0.5},0V${tall}`);
    },
  };
}

function modesOf({ live }: Scene, descent: Descent, { board }: Judged): Mode[] {
  const spectrum = board.figures.find((known): known is SpectrumData => known.kind === "spectrum");
  const best = atMinimum(live);
  const names = spectrum?.weights ?? board.weights;
  if (!spectrum || !best || spectrum.eigenvalues.length !== live.weights.length) return [];
  return spectrum.eigenvalues
    .map((curvature, index) => {
      const vector = live.weights.map(
        (name) => spectrum.vectors[index]?.[names.indexOf(name)] ?? NaN,
      );
      const sizes = vector.map(Math.abs);
      return {
        curvature,
        weight: sizes.indexOf(Math.max(...sizes)),
        distance: descent.values.map((row) =>
          Math.abs(
            row.reduce((sum, value, place) => sum + (value - best[place]!) * vector[place]!, 0),
          ),
        ),
      };
    })
    .filter(({ distance }) => distance.every((value) => !Number.isNaN(value)))
    .slice(0, MOST);
}

const left = ({ distance }: Mode): number => distance.at(-1)! / distance[0]!;

function sentence(modes: Mode[], weights: string[], steps: number): string {
  const [done] = [...modes].sort((a, b) => left(a) - left(b));
  const [open] = [...modes].sort((a, b) => left(b) - left(a));
  const name = ({ weight }: Mode): string => cut(weights[weight] ?? "", 16);
  const share = (mode: Mode): string => `${number(100 * left(mode), 3)} %`;
  if (!done || !open || done === open) {
    return `After ${count(steps)} steps ${share(done!)} of the distance is left.`;
  }
  return (
    `After ${count(steps)} steps, of the direction mostly along ${name(done)} ${share(done)} of the ` +
    `distance is left; of the one mostly along ${name(open)} ${share(open)}.`
  );
}

function listOf(modes: Mode[], weights: string[], { frames }: Descent): HTMLElement {
  const list = html("ul", { class: "legend", "aria-label": "Directions" });
  for (const mode of modes) {
    const picture = svg("svg", { viewBox: "-11 -7 22 14", "aria-hidden": "true" });
    picture.append(svg("path", { class: `weight w${mode.weight % 7}`, d: "M-11,0H11" }));
    const words =
      `mostly ${cut(weights[mode.weight] ?? "", 20)}: curvature ${number(mode.curvature, 4)}, ` +
      `${number(100 * left(mode), 3)} % left after ${count(frames.at(-1) ?? 0)} steps`;
    list.append(html("li", {}, picture, words));
  }
  return list;
}
