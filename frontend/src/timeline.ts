// The cursor's own controls: buttons, slider, keys, and what it says about the step.

import type { Cursor } from "./cursor";
import type { Board } from "./data";
import { html, iconButton, svg } from "./dom";
import { count, cut, number } from "./words";

const BEAT = 160; // milliseconds a frame
const SLOW = 3; // times as long where it is shown to others
const FAR = 10; // frames that a key with shift goes
const SHOWN = 12; // weights

const ICONS = {
  back: "M10.5,3L5,8l5.5,5z",
  on: "M5.5,3L11,8l-5.5,5z",
  play: "M4.5,2.5L13,8l-8.5,5.5z",
  pause: "M4,3h3v10h-3zM9,3h3v10h-3z",
};

export interface Timeline {
  element: HTMLElement;
  weights: HTMLElement;
  /** From the start to the end, once; with reduced motion it stays where it is. */
  play: () => void;
  /** Ends a film that plays. */
  rest: () => void;
  destroy: () => void;
}

/** What is read at every move: in the lab it changes with the descent that is shown. */
export type Readings = Pick<Board, "frames" | "loss" | "weights" | "values" | "gradient">;

/** Keys are heard in `home`, and anywhere on the page while nothing has the focus. */
export function makeTimeline(home: HTMLElement, board: Readings, cursor: Cursor): Timeline {
  const slider = html("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Step",
  });
  const said = html("output", { class: "step" });
  const { weights, read } = makeWeights(board);

  const { film, button: play } = makePlay(cursor, ["Play", "Pause"], (plays) => {
    // Said when it stands: a screen reader cannot keep up with a film.
    said.setAttribute("aria-live", plays ? "off" : "polite");
  });
  const { go } = film;
  const back = iconButton("A step back (←)", ICONS.back, () => go(cursor.frame - 1));
  const on = iconButton("A step on (→)", ICONS.on, () => go(cursor.frame + 1));
  slider.addEventListener("input", () => go(slider.valueAsNumber));

  const show = (frame: number): void => {
    const { frames, loss } = board;
    const last = frames.at(-1) ?? 0;
    if (slider.max !== String(cursor.last)) slider.max = String(cursor.last);
    const step = `step ${count(frames[frame] ?? 0)} of ${count(last)}`;
    const value = loss[frame];
    const text = value === undefined ? step : `${step}, loss ${number(value, 7)}`;
    slider.valueAsNumber = frame;
    slider.setAttribute("aria-valuetext", text);
    said.textContent = text;
    read(frame);
  };
  cursor.onMove(show);
  show(cursor.frame);

  const keys: Record<string, (far: number) => void> = {
    ArrowLeft: (far) => go(cursor.frame - far),
    ArrowRight: (far) => go(cursor.frame + far),
    Home: () => go(0),
    End: () => go(cursor.last),
    " ": film.toggle,
  };
  const press = (event: KeyboardEvent): void => {
    if (!isForUs(event, home, slider)) return;
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (!act) return;
    event.preventDefault();
    act(event.shiftKey ? FAR : 1);
  };
  document.addEventListener("keydown", press);

  const bar = html("div", { class: "bar-of-controls" }, back, play, on, slider, said);
  const element = html("div", { class: "timeline", role: "group", "aria-label": "Timeline" });
  if (board.weights.length) element.append(weights);
  if (board.frames.length > 1) element.append(bar);
  return {
    element,
    weights,
    play: film.play,
    rest: film.stop,
    destroy() {
      film.stop();
      document.removeEventListener("keydown", press);
    },
  };
}

interface Film {
  play: () => void;
  stop: () => void;
  toggle: () => void;
  go: (frame: number) => void;
}

/** The button that plays the frames and pauses, by its two names; `heard` is told which it does. */
export function makePlay(
  cursor: Cursor,
  [play, pause]: [string, string],
  heard: (plays: boolean) => void = () => undefined,
): { film: Film; button: HTMLButtonElement } {
  const dress = (plays: boolean): void => {
    const name = plays ? pause : play;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.querySelector("path")?.setAttribute("d", plays ? ICONS.pause : ICONS.play);
    heard(plays);
  };
  const film = makeFilm(cursor, dress);
  const button = iconButton(play, ICONS.play, film.toggle);
  heard(false);
  return { film, button };
}

/** Plays the frames; `dress` hears whether it does. */
function makeFilm(cursor: Cursor, dress: (plays: boolean) => void): Film {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let playing: number | null = null;
  const stop = (): void => {
    if (playing === null) return;
    window.clearInterval(playing);
    playing = null;
    dress(false);
  };
  const go = (frame: number): void => {
    stop();
    cursor.go(frame);
  };
  const toggle = (): void => {
    if (playing !== null) {
      stop();
      return;
    }
    const again = cursor.frame === cursor.last;
    if (still.matches) {
      go(again ? 0 : cursor.last);
      return;
    }
    if (again) cursor.go(0);
    run();
  };
  const run = (): void => {
    playing = window.setInterval(
      () => {
        if (cursor.frame >= cursor.last) stop();
        else cursor.go(cursor.frame + 1);
      },
      document.querySelector(".presenting") ? SLOW * BEAT : BEAT,
    );
    dress(true);
  };
  const play = (): void => {
    stop();
    if (still.matches) return;
    cursor.go(0);
    run();
  };
  return { play, stop, toggle, go };
}

/** The weights with their partial derivatives, and what writes both at a frame. */
function makeWeights(board: Readings): { weights: HTMLElement; read: (frame: number) => void } {
  const weights = html("ul", { class: "weights", "aria-label": "Weights and partial derivatives" });
  const readings = board.weights.slice(0, SHOWN).map((name, index) => {
    const value = html("span", { class: "value" });
    const partial = html("span", { class: "partial" });
    const mark = svg("svg", { viewBox: "0 0 10 10", class: "mark", "aria-hidden": "true" });
    mark.append(svg("rect", { class: `bar w${index % 7}`, width: 10, height: 10 }));
    weights.append(
      html("li", {}, mark, html("span", { class: "name" }, cut(name, 20)), value, partial),
    );
    return { value, partial };
  });
  if (board.weights.length > SHOWN) {
    weights.append(html("li", {}, `and ${board.weights.length - SHOWN} more`));
  }
  return {
    weights,
    read(frame) {
      readings.forEach(({ value, partial }, index) => {
        const [weight, slope] = [board.values[frame]?.[index], board.gradient[frame]?.[index]];
        value.textContent = weight === undefined ? "" : number(weight, 5);
        partial.textContent = slope === undefined ? "" : `∂ ${number(slope, 4)}`;
      });
    },
  };
}

/** Whether a key is meant for the timeline, and not for what has the focus. */
function isForUs(event: KeyboardEvent, home: HTMLElement, slider: HTMLElement): boolean {
  const { target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (!(target instanceof Element)) return false;
  if (target !== document.body && !home.contains(target)) return false;
  if (target === document.body && !inView(home)) return false;
  // A button is pressed by the space bar, and text is written with all keys.
  if (event.key === " " && target.closest("button, a, summary")) return false;
  return target === slider || !target.closest("input, textarea, select, [contenteditable]");
}

function inView(home: HTMLElement): boolean {
  const { top, bottom } = home.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}
