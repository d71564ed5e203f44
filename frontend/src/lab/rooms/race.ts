// A race: several optimizers from one start, each at its own best learning rate, seen as they run.

import { makeCursor } from "../../cursor";
import { html, svg } from "../../dom";
import { outlines, pair } from "../../figures/contour";
import { CROSS, plot, type Plot } from "../../frame";
import { at, line } from "../../path";
import { extent, roomy } from "../../scale";
import { makePlay } from "../../timeline";
import { count, cut, number, stepsOf } from "../../words";
import type { Plane, Problem, Racer } from "../contract";
import { readRacers } from "../contract";
import { OPTIMIZERS } from "../methods";
import { isAborted, newest, post, Refused } from "../server";
import type { Scene } from "../scene";
import type { Room } from "./room";

const RACERS = Object.keys(OPTIMIZERS).filter((name) => OPTIMIZERS[name]!.race);
const MOMENTS = 49;

/** Moves what is drawn of each racer to its place in the frames that were seen of it. */
type Show = (places: number[]) => void;
type Start = Record<string, number>;

export function makeRace(problem: () => Problem): Room {
  const said = html("p", { role: "status" });
  const start = html("button", { type: "button" }, "Race them");
  const track = html("div");
  const element = html("div", { class: "race" }, said, start, track);
  let scene: Scene | null = null;
  let racers: Racer[] | null = null;
  let begin: Start | null = null;
  let film: ReturnType<typeof filmOf> | null = null;
  said.textContent = `${RACERS.join(", ")}, each at its own best learning rate.`;

  const run = newest(async (signal, from: Start | null) => {
    film?.stop();
    start.disabled = true;
    said.textContent = "Looking for each one's best learning rate…";
    const wanted = { ...problem(), optimizers: RACERS, ...(from && { drag: from }) };
    try {
      racers = readRacers(await post("/api/race", wanted, signal));
      begin = from;
      element.classList.remove("stale");
      draw();
      film?.play();
    } catch (error) {
      if (!isAborted(error))
        said.textContent = error instanceof Refused ? error.message : String(error);
    } finally {
      start.disabled = false;
    }
  });
  start.addEventListener("click", () => void run(null));

  const draw = (): void => {
    film?.stop();
    track.replaceChildren();
    if (!racers?.length) return;
    said.textContent = `${begun(begin)}${winner(racers)}`;
    const pictures = html("div", { class: "figures" });
    track.append(pictures);
    const shows = [drawLosses(figure(pictures, "The loss of each, by step."), racers)];
    const plane = scene?.live.contour;
    if (scene && plane) {
      const title = "Their paths; click anywhere to race from there.";
      shows.push(drawPaths(figure(pictures, title), racers, scene, plane, (to) => void run(to)));
    }
    film = filmOf(racers, shows);
    track.append(film.element, listOf(racers));
  };
  return {
    title: "A race of optimizers",
    element,
    judge(given) {
      scene = given;
    },
    stale() {
      film?.stop();
      if (racers) element.classList.add("stale");
    },
    draw,
    close: () => film?.stop(),
  };
}

function figure(into: HTMLElement, title: string): HTMLElement {
  const host = html("div", { class: "drawing" });
  into.append(html("figure", {}, html("figcaption", {}, title), host));
  return host;
}

const size = (host: HTMLElement) => {
  const width = Math.max(260, host.clientWidth);
  return { width, height: Math.round(Math.min(300, width * 0.7)) };
};

/** All at the same step; a step lasts ever shorter, since most of a descent happens at its start. */
function filmOf(racers: Racer[], shows: Show[]) {
  const most = Math.max(1, ...racers.flatMap(({ frames }) => frames));
  const moments = Array.from({ length: MOMENTS }, (_, index) =>
    Math.round(Math.expm1((index / (MOMENTS - 1)) * Math.log1p(most))),
  );
  const cursor = makeCursor(MOMENTS, MOMENTS - 1);
  const { film, button: play } = makePlay(cursor, ["Play the race", "Pause the race"]);
  const slider = html("input", {
    type: "range",
    min: 0,
    max: MOMENTS - 1,
    step: 1,
    "aria-label": "Step of the race",
  });
  const told = html("output", { class: "step" });
  slider.addEventListener("input", () => film.go(slider.valueAsNumber));
  const show = (moment: number): void => {
    const step = moments[moment]!;
    slider.valueAsNumber = moment;
    told.textContent = `step ${count(step)}: ${arrivedBy(racers, step)}`;
    slider.setAttribute("aria-valuetext", told.textContent);
    const places = racers.map(({ frames }) => frames.findLastIndex((frame) => frame <= step));
    for (const one of shows) one(places);
  };
  cursor.onMove(show);
  show(cursor.frame);
  const element = html("div", { class: "bar-of-controls" }, play, slider, told);
  return { element, play: film.play, stop: film.stop };
}

function arrivedBy(racers: Racer[], step: number): string {
  const there = racers.filter(({ steps, lucky }) => steps !== null && !lucky && steps <= step);
  if (!there.length) return "none is at the goal";
  return `at the goal: ${there.map(({ optimizer }) => cut(optimizer, 20)).join(", ")}`;
}

/** The whole way of each, and where it stands. */
function runners(frame: Plot, racers: Racer[], places: [number, number][][]): Show {
  const dots = racers.map((_, index) => {
    const way = places[index]!;
    const whole = line(
      way.length,
      (place) => way[place]![0],
      (place) => way[place]![1],
    );
    frame.path(`weight w${index % 7}`, whole);
    return svg("circle", { class: `runner w${index % 7}`, r: 5 });
  });
  dots.forEach(frame.put);
  return (now) =>
    dots.forEach((dot, index) => {
      const [x, y] = places[index]![now[index]!] ?? [NaN, NaN];
      dot.setAttribute("transform", at(x, y));
    });
}

function drawLosses(host: HTMLElement, racers: Racer[]): Show {
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
  const places = racers.map(({ frames, loss }) =>
    frames.map((step, place): [number, number] => [frame.x(step), frame.y(loss[place]!)]),
  );
  return runners(frame, racers, places);
}

function drawPaths(
  host: HTMLElement,
  racers: Racer[],
  { live }: Scene,
  plane: Plane,
  begin: (start: Start) => void,
): Show {
  const side = (values: number[]) => roomy("linear", extent("linear", values), 0);
  const [first, second] = plane.weights;
  const frame = plot(host, size(host), `The paths over ${first} and ${second}`, {
    x: { axis: { label: first, scale: "linear" }, domain: side(plane.grid_x) },
    y: { axis: { label: second, scale: "linear" }, domain: side(plane.grid_y), plain: true },
  });
  const { x, y, width, height } = frame;
  for (const { rings } of outlines(plane, x, y)) {
    frame.path("level-line", rings.map((ring) => `M${ring.map(pair).join("L")}Z`).join(""));
  }
  if (live.minimum) {
    const spot = at(x(live.minimum.weights[first] ?? NaN), y(live.minimum.weights[second] ?? NaN));
    frame.put(svg("path", { class: "minimum", d: CROSS, transform: spot }));
  }
  const places = racers.map(({ weights, values }) => {
    const [across, up] = [weights.indexOf(first), weights.indexOf(second)];
    return values.map((row): [number, number] => [x(row[across]!), y(row[up]!)]);
  });
  const show = runners(frame, racers, places);
  const ground = frame.put(svg("rect", { class: "chooser", width, height }));
  ground.addEventListener("click", (event) => {
    const box = ground.getBoundingClientRect();
    const ratio = width / box.width;
    const [left, top] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    begin({ [first]: rounded(x.invert(left)), [second]: rounded(y.invert(top)) });
  });
  return show;
}

const rounded = (value: number): number => Number(value.toPrecision(5));

function begun(from: Start | null): string {
  if (!from) return "";
  const places = Object.entries(from).map(
    ([name, value]) => `${cut(name, 16)} ${number(value, 4)}`,
  );
  return `From ${places.join(" and ")}: `;
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
