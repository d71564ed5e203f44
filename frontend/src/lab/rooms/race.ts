// Several optimizers from one start on one surface, each at its own best learning rate.

import { html, svg } from "../../dom";
import { outlines, pair } from "../../figures/contour";
import { CROSS, plot } from "../../frame";
import { at, line } from "../../path";
import { extent, roomy } from "../../scale";
import { count, cut, number, stepsOf } from "../../words";
import type { Problem, Racer } from "../contract";
import { readRacers } from "../contract";
import { OPTIMIZERS } from "../methods";
import { isAborted, newest, post, Refused } from "../server";
import type { Scene } from "../scene";
import type { Room } from "./room";

const RACERS = Object.keys(OPTIMIZERS).filter((name) => OPTIMIZERS[name]!.race);

export function makeRace(problem: () => Problem): Room {
  const said = html("p", { role: "status" });
  const start = html("button", { type: "button" }, "Race them");
  const pictures = html("div", { class: "figures" });
  const element = html("div", { class: "race" }, said, start, pictures);
  let scene: Scene | null = null;
  let racers: Racer[] | null = null;
  said.textContent = `${RACERS.join(", ")}, each at its own best learning rate.`;

  const run = newest(async (signal) => {
    start.disabled = true;
    said.textContent = "Looking for each one's best learning rate…";
    try {
      racers = readRacers(await post("/api/race", { ...problem(), optimizers: RACERS }, signal));
      element.classList.remove("stale");
      draw();
    } catch (error) {
      if (!isAborted(error))
        said.textContent = error instanceof Refused ? error.message : String(error);
    } finally {
      start.disabled = false;
    }
  });
  start.addEventListener("click", () => void run());

  const draw = (): void => {
    pictures.replaceChildren();
    if (!racers?.length) return;
    said.textContent = winner(racers);
    const losses = html("div", { class: "drawing" });
    const plane = html("div", { class: "drawing" });
    const first = html("figure", {}, html("figcaption", {}, "The loss of each, by step."), losses);
    const second = html("figure", {}, html("figcaption", {}, "Their paths."), plane);
    pictures.append(first, second, listOf(racers));
    drawLosses(losses, racers);
    second.hidden = !scene || !drawPaths(plane, racers, scene);
  };
  return {
    title: "A race of optimizers",
    element,
    judge(given) {
      scene = given;
    },
    stale() {
      if (racers) element.classList.add("stale");
    },
    draw,
  };
}

const size = (host: HTMLElement) => {
  const width = Math.max(260, host.clientWidth);
  return { width, height: Math.round(Math.min(300, width * 0.7)) };
};

function drawLosses(host: HTMLElement, racers: Racer[]): void {
  const most = Math.max(1, ...racers.flatMap(({ frames }) => frames));
  const reached = extent("log", ...racers.map(({ loss }) => loss));
  const all = extent("linear", ...racers.map(({ loss }) => loss));
  const kind = all && all[0] > 0 ? "log" : "linear";
  const frame = plot(host, size(host), "The loss of each optimizer by step", {
    x: { axis: { label: "step", scale: most > 100 ? "symlog" : "linear" }, domain: [0, most] },
    y: {
      axis: { label: "loss", scale: kind },
      domain: roomy(kind, kind === "log" ? reached : all),
    },
  });
  racers.forEach(({ frames, loss }, index) => {
    const path = line(
      frames.length,
      (place) => frame.x(frames[place]!),
      (place) => frame.y(loss[place]!),
    );
    frame.path(`weight w${index % 7}`, path);
  });
}

function drawPaths(host: HTMLElement, racers: Racer[], { live }: Scene): boolean {
  const plane = live.contour;
  if (!plane) return false;
  const side = (values: number[]) => roomy("linear", extent("linear", values), 0);
  const [first, second] = plane.weights;
  const frame = plot(host, size(host), `The paths over ${first} and ${second}`, {
    x: { axis: { label: first, scale: "linear" }, domain: side(plane.grid_x) },
    y: { axis: { label: second, scale: "linear" }, domain: side(plane.grid_y), plain: true },
  });
  const { x, y } = frame;
  for (const { rings } of outlines(plane, x, y)) {
    frame.path("level-line", rings.map((ring) => `M${ring.map(pair).join("L")}Z`).join(""));
  }
  if (live.minimum) {
    const spot = at(x(live.minimum.weights[first] ?? NaN), y(live.minimum.weights[second] ?? NaN));
    frame.put(svg("path", { class: "minimum", d: CROSS, transform: spot }));
  }
  racers.forEach(({ weights, values }, index) => {
    const [across, up] = [weights.indexOf(first), weights.indexOf(second)];
    const path = line(
      values.length,
      (place) => x(values[place]![across]!),
      (place) => y(values[place]![up]!),
    );
    frame.path(`weight w${index % 7}`, path);
  });
  return true;
}

/** Who comes there by luck wins nothing. */
function winner(racers: Racer[]): string {
  const arrived = racers.filter(({ steps, lucky }) => steps !== null && !lucky);
  const [first] = [...arrived].sort((a, b) => a.steps! - b.steps!);
  const jumped = racers.filter(({ lucky }) => lucky).length;
  const luck = jumped
    ? ` ${count(jumped)} of ${count(racers.length)} get there by jumping out of the valley that they begin in, which is luck.`
    : "";
  if (!first) return `None of them gets down to the goal in the steps that it had.${luck}`;
  return `${cut(first.optimizer, 20)} is first, with ${stepsOf(first.steps!)} to the goal.${luck}`;
}

function listOf(racers: Racer[]): HTMLElement {
  const list = html("ul", { class: "legend", "aria-label": "Racers" });
  racers.forEach(({ optimizer, lr, said }, index) => {
    const picture = svg("svg", { viewBox: "-11 -7 22 14", "aria-hidden": "true" });
    picture.append(svg("path", { class: `weight w${index % 7}`, d: "M-11,0H11" }));
    const rate = lr === null ? "" : `, learning rate ${number(lr, 4)}`;
    list.append(html("li", {}, picture, `${optimizer}: ${said}${rate}`));
  });
  return list;
}
