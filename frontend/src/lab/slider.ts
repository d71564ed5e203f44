// The learning rate: a slider that is the curve of steps to the goal, with today's descent as its ball.

import { html, svg } from "../dom";
import { nearest, plot, type Plot } from "../frame";
import { at, line, sticks } from "../path";
import { extent, roomy } from "../scale";
import { number } from "../words";
import { askIn } from "./asked";
import type { Judged, Live, Rated } from "./contract";
import { isShort } from "./projector";
import type { Scene } from "./scene";

export interface RateSlider {
  element: HTMLElement;
  draw: (scene: Scene) => void;
  /** Where the ball is, among the learning rates. */
  go: (index: number) => void;
  /** The run at that place was judged, and its verdict holds for what is near it. */
  judge: (rated: Judged["rated"], index: number) => void;
  resize: () => void;
}

const FAR = 10;
const TALL = { usual: 164, short: 112 };
const CHARACTER = 6.8;
const LOW = 38; // pixels over the axis
const CLASSES: Record<string, string> = {
  "too small": "zone small",
  "just right": "zone right",
  "too large": "zone beyond",
};

const tall = (): number => (isShort() ? TALL.short : TALL.usual);

export function makeRateSlider(moved: (index: number) => void): RateSlider {
  const { element, title, best, track, host } = makeTrack();
  let live: Live | null = null;
  let judged: Judged["rated"] = null;
  let scene: Scene | null = null;
  let frame: Plot | null = null;
  let ball: SVGElement | null = null;
  let stem: SVGElement | null = null;
  let index = 0;
  let drawn = 0;

  const show = (): void => {
    if (!live || !frame) return;
    const trial = judged ? judged.rates.indexOf(judged.lr) : index;
    const { rate, steps, words } = spoken(judged ?? live, trial, title);
    track.setAttribute("aria-valuenow", String(index));
    track.setAttribute("aria-valuetext", words);
    const left = frame.x(rate);
    placeBall(ball!, left, Number.isNaN(steps) ? 9 : frame.y(Math.max(1, steps)), frame);
    stem!.setAttribute("d", `M${Math.round(left) + 0.5},0V${frame.height}`);
    best.hidden = live.best === null || live.steps[live.best] == null || live.best === index;
  };
  const put = (to: number, verdict: Judged["rated"]): void => {
    index = to;
    if (judged === verdict) return show();
    judged = verdict;
    redraw();
  };
  const go = (to: number): void => {
    if (!live) return;
    const inside = Math.min(live.rates.length - 1, Math.max(0, to));
    if (inside === index) return;
    element.closest(".lab")?.classList.add("has-slid");
    put(inside, null);
    moved(index);
  };
  best.addEventListener("click", () => {
    if (live?.best != null) go(live.best);
    track.focus();
  });

  const point = (event: PointerEvent): void => {
    const found = live && frame && placeOf(event, host, frame, live.rates);
    if (found !== null) go(found);
  };
  heed(track, {
    point,
    key: (find) => go(find(index, (live?.rates.length ?? 1) - 1)),
  });

  const redraw = (): void => {
    if (!scene || !live) return;
    drawn = host.clientWidth;
    host.replaceChildren();
    frame = drawCurve(host, scene, judged ?? live, { width: Math.max(260, drawn), height: tall() });
    stem = frame.path("now");
    ball = frame.put(makeBall());
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", String(live.rates.length - 1));
    show();
  };
  return {
    element,
    draw(given) {
      scene = given;
      live = given.live;
      judged = null;
      index = Math.min(index, live.rates.length - 1);
      redraw();
    },
    go: (to) => put(to, null),
    judge: (rated, to) => put(to, rated),
    resize() {
      if (host.clientWidth !== drawn) redraw();
    },
  };
}

const makeBall = (): SVGGElement =>
  svg(
    "g",
    {},
    svg("circle", { class: "here ball", r: 8 }),
    svg("g", { class: "hint" }, svg("text", {}, "drag the ball")),
  );

function placeBall(ball: SVGElement, left: number, top: number, { width }: Plot): void {
  ball.setAttribute("transform", at(left, top));
  ball.classList.toggle("leftward", left > width / 2);
  // Its hint is not in the way of what the zones are called, at the top.
  ball.querySelector("text")!.setAttribute("y", top < 24 ? "22" : "4");
}

/** What is said of a learning rate stands over the slider, its numbers to be asked. */
function spoken({ rates, said, steps: all }: Rated, place: number, title: HTMLElement) {
  const [rate, steps, words] = [rates[place]!, all[place] ?? NaN, said[place]!];
  title.textContent = words;
  askIn(title, [
    { value: rate, question: { about: "rate" } },
    { value: steps, question: { about: "forecast" } },
  ]);
  return { rate, steps, words };
}

function makeTrack() {
  const title = html("p", { class: "rate-title", id: "rate-title" });
  const best = html("button", { type: "button" }, "Go to the quickest");
  const host = html("div", { class: "drawing" });
  const track = html(
    "div",
    { class: "rate-slider", role: "slider", tabindex: 0, "aria-label": "Learning rate" },
    host,
  );
  track.setAttribute("aria-orientation", "horizontal");
  const element = html(
    "section",
    { class: "rates", "aria-label": "Learning rate" },
    html("div", { class: "rate-head" }, title, best),
    track,
  );
  return { element, title, best, track, host };
}

/** The learning rate nearest to a pointer. */
function placeOf(
  event: PointerEvent,
  host: HTMLElement,
  { x, width }: Plot,
  rates: number[],
): number | null {
  const inner = host.querySelector("svg svg");
  if (!inner) return null;
  // The area in which the curve is drawn, and 7 pixels on either side of it.
  const box = inner.getBoundingClientRect();
  const left = ((event.clientX - box.left) / box.width) * (width + 14) - 7;
  return nearest(rates.length, (place) => Math.abs(x(rates[place]!) - left));
}

/** Where a key leads from a place among so many, the last of which is given. */
type Find = (index: number, last: number) => number;

const KEYS: Record<string, (far: number) => Find> = {
  ArrowLeft: (far) => (index) => index - far,
  ArrowDown: (far) => (index) => index - far,
  ArrowRight: (far) => (index) => index + far,
  ArrowUp: (far) => (index) => index + far,
  PageDown: () => (index) => index - FAR,
  PageUp: () => (index) => index + FAR,
  Home: () => () => 0,
  End: () => (_, last) => last,
};

function heed(
  track: HTMLElement,
  { point, key }: { point: (event: PointerEvent) => void; key: (find: Find) => void },
): void {
  track.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    key(KEYS[event.key]!(event.shiftKey ? FAR : 1));
  });
  let held = false;
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = true;
    track.setPointerCapture(event.pointerId);
    point(event);
  });
  track.addEventListener("pointermove", (event) => {
    if (held) point(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    track.addEventListener(end, () => (held = false));
  }
}

const known = (steps: (number | null)[]): number[] =>
  steps.map((value) => (value === null || !Number.isFinite(value) ? NaN : Math.max(1, value)));

function drawCurve(
  host: HTMLElement,
  { live, ghost }: Scene,
  { rates, zones, steps: counted }: Rated,
  size: { width: number; height: number },
): Plot {
  const { limit, limit_at: where } = live;
  const steps = known(counted);
  const former = ghost?.live ?? null;
  const before = known(former?.steps ?? []);
  const frame = plot(host, size, "Steps to the goal by learning rate", {
    x: {
      axis: { label: "learning rate", scale: "log" },
      domain: roomy("log", extent("log", live.rates, former?.rates ?? []), 0.01),
    },
    y: {
      axis: { label: "steps to the goal", scale: "log" },
      domain: roomy("log", extent("log", steps, known(live.steps), before), 0.14),
    },
  });
  frame.picture.setAttribute("aria-hidden", "true");
  const { x, y, width, height } = frame;
  const inside = (value: number): number => Math.min(width, Math.max(0, x(value)));
  for (const { word, label, low, high } of zones) {
    const [from, to] = [inside(low), inside(high)];
    if (!(to > from)) continue;
    const box = { x: Math.round(from), width: Math.round(to - from), height };
    frame.put(svg("rect", { class: CLASSES[word] ?? "zone", ...box }));
    if (to - from > label.length * CHARACTER) {
      const middle = (from + to) / 2;
      const under = nearest(rates.length, (place) => Math.abs(x(rates[place]!) - middle)) ?? 0;
      // Above the curve, where that comes down to the words.
      const lies = height - y(steps[under]!) < LOW ? height - LOW : height - 8;
      frame.say("zone-name", label, middle, lies, "middle");
    }
  }
  if (limit !== null && Number.isFinite(x(limit)) && x(limit) >= 0 && x(limit) <= width) {
    const left = Math.round(x(limit)) + 0.5;
    frame.path("level", `M${left},0V${height}`);
    const words = `stable up to ${number(limit, 3)}${where ? ` at the ${where}` : ""}`;
    const early = width - left < words.length * CHARACTER;
    frame.say("aside", words, left + (early ? -6 : 6), 20, early ? "end" : "start");
  }
  const through = (across: number[], up: number[]): string =>
    line(
      across.length,
      (place) => x(across[place]!),
      (place) => y(up[place]!),
    );
  if (former) frame.path("before", through(former.rates, before));
  frame.path("trace", through(rates, steps));
  // A learning rate that does not arrive has no height: a tick at the upper edge.
  frame.path(
    "missed",
    sticks(
      rates.length,
      (place) => (Number.isNaN(steps[place]) ? x(rates[place]!) : NaN),
      () => 1,
      () => 6,
    ),
  );
  return frame;
}
