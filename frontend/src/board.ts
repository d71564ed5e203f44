// A board on a page: words, figures and timeline, linked by one cursor.

import { makeCursor } from "./cursor";
import { read, type Board, type FigureData } from "./data";
import { html, reachable, unbroken } from "./dom";
import { drawAutograd } from "./figures/autograd";
import { drawBackward } from "./figures/backward";
import { drawConfusion } from "./figures/confusion";
import { drawContour } from "./figures/contour";
import { drawEpochs } from "./figures/epochs";
import { drawFan } from "./figures/fan";
import { drawFit } from "./figures/fit";
import { drawLayers } from "./figures/layers";
import { drawLoss } from "./figures/loss";
import { drawNetwork } from "./figures/network";
import { drawPictures } from "./figures/pictures";
import { drawPlane } from "./figures/plane";
import { drawPulls } from "./figures/pulls";
import { drawRates } from "./figures/rates";
import { drawResiduals } from "./figures/residuals";
import { drawFunction, drawSlice } from "./figures/slice";
import { drawSpectrum } from "./figures/spectrum";
import { drawSurface } from "./figures/surface";
import { drawSweep } from "./figures/sweep";
import { drawTraining } from "./figures/training";
import type { Draw } from "./frame";
import { makeLegend } from "./legend";
import { makeTimeline } from "./timeline";
import { makeVerdict } from "./verdict";

export interface Options {
  /** The kinds that are drawn; all without it. */
  figures?: string[];
  /** Whether headline, findings and remedies stand above the figures. */
  words?: boolean;
}

export interface Handle {
  setStep: (frame: number) => void;
  /** Show a later state of the same run: the cursor, what has the focus and what was chosen stay. */
  update: (raw: unknown) => void;
  destroy: () => void;
}

const DRAW = {
  loss: drawLoss,
  fit: drawFit,
  residuals: drawResiduals,
  slice: drawSlice,
  contour: drawContour,
  surface: drawSurface,
  sweep: drawSweep,
  pulls: drawPulls,
  spectrum: drawSpectrum,
  backward: drawBackward,
  function: drawFunction,
  training: drawTraining,
  layers: drawLayers,
  fan: drawFan,
  autograd: drawAutograd,
  epochs: drawEpochs,
  confusion: drawConfusion,
  rates: drawRates,
  network: drawNetwork,
  pictures: drawPictures,
  plane: drawPlane,
} as Record<FigureData["kind"], Draw<FigureData>>;

const NARROWEST = 240;
const [LOW, HIGH] = [230, 290];

export function mount(element: HTMLElement, raw: unknown, options: Options = {}): Handle {
  const board = read(raw);
  const chosenOf = ({ figures }: Board): FigureData[] =>
    figures.filter(
      ({ kind }) => Object.hasOwn(DRAW, kind) && (options.figures?.includes(kind) ?? true),
    );
  const chosen = chosenOf(board);
  const cursor = makeCursor(board.frames.length, board.at);
  const root = html("section", { class: "steepest", "aria-label": board.formula || "Descent" });
  let verdict = makeVerdict(board);
  if (options.words !== false) root.append(verdict);
  const panels = chosen.map((data) => makePanel(board, data, cursor));
  const grid = html("div", { class: "figures" }, ...panels.map((panel) => panel.element));
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Figures");
  let legend = makeLegend(chosen);
  if (chosen.length) root.append(grid, legend);
  const notes = html("p", { class: "notes" }, ...unbroken(sentences(board.notes)));
  if (board.notes.length) root.append(notes);
  const timeline = makeTimeline(root, board, cursor);
  root.append(timeline.element);
  element.replaceChildren(root);

  const show = (frame: number): void => {
    for (const panel of panels) panel.show(frame);
  };
  cursor.onMove((frame) => {
    show(frame);
    const detail = { frame, step: board.frames[frame] };
    element.dispatchEvent(new CustomEvent("steepest:step", { detail, bubbles: true }));
  });

  const fit = (): void => {
    for (const panel of panels) panel.draw();
    // On a phone the figures lie side by side.
    for (const window of [grid, timeline.weights]) reachable(window);
  };
  const resized = new ResizeObserver(fit);
  fit();
  resized.observe(grid);
  const repaint = (): void => {
    for (const panel of panels) panel.repaint();
  };
  const themes = ["(prefers-color-scheme: dark)", "print"].map((query) => window.matchMedia(query));
  for (const theme of themes) theme.addEventListener("change", repaint);
  const dressed = new MutationObserver(repaint);
  for (let node: Element | null = root; node; node = node.parentElement) {
    dressed.observe(node, { attributeFilter: ["data-theme"] });
  }
  return {
    setStep: (frame) => cursor.go(frame),
    update(later) {
      const follows = cursor.frame === cursor.last;
      const step = board.frames[cursor.frame] ?? 0;
      Object.assign(board, read(later));
      verdict.replaceChildren();
      const made = makeVerdict(board);
      verdict.replaceWith(made);
      verdict = made;
      const shown = chosenOf(board);
      shown.forEach((data, index) => {
        const panel = panels[index];
        if (panel?.element.className === data.kind) {
          panel.renew(data);
          return;
        }
        panel?.element.remove();
        const other = makePanel(board, data, cursor);
        grid.insertBefore(other.element, grid.children[index] ?? null);
        panels[index] = other;
      });
      for (const panel of panels.splice(shown.length)) panel.element.remove();
      const marks = makeLegend(shown);
      legend.replaceWith(marks);
      legend = marks;
      notes.replaceChildren(...unbroken(sentences(board.notes)));
      const stays = board.frames.findLastIndex((frame) => frame <= step);
      cursor.resize(board.frames.length, follows ? board.at : Math.max(0, stays));
      fit();
    },
    destroy() {
      timeline.destroy();
      resized.disconnect();
      dressed.disconnect();
      for (const theme of themes) theme.removeEventListener("change", repaint);
      element.replaceChildren();
    },
  };
}

export interface Panel {
  element: HTMLElement;
  /** Draws for the width there is; nothing where that has not changed. */
  draw: () => void;
  show: (frame: number) => void;
  repaint: () => void;
  /** Draws other data of the same kind in its place. */
  renew: (data: FigureData) => void;
}

export function makePanel(
  board: Board,
  data: FigureData,
  cursor: ReturnType<typeof makeCursor>,
): Panel {
  const host = html("div", { class: "drawing" });
  const caption = html("figcaption", {}, ...unbroken(data.title));
  const notes = html("p", { class: "notes" });
  const element = html("figure", { class: data.kind }, caption, host);
  let drawn = 0;
  let show: (frame: number) => void = () => undefined;
  const tell = (): void => {
    const said = [];
    if ("held" in data && data.held) said.push(data.held.text);
    if ("bound_text" in data) said.push(data.bound_text);
    said.push(...data.notes);
    notes.replaceChildren(...unbroken(sentences(said)));
    if (said.some(Boolean)) element.append(notes);
    else notes.remove();
  };
  tell();
  return {
    element,
    draw() {
      const width = Math.max(NARROWEST, Math.floor(host.clientWidth));
      if (width === drawn) return;
      drawn = width;
      const height = Math.round(Math.min(HIGH, Math.max(LOW, width * 0.68)));
      const focused = host.contains(document.activeElement) ? document.activeElement : null;
      host.replaceChildren();
      show = DRAW[data.kind](host, data, { width, height, board, cursor });
      show(cursor.frame);
      refocus(host, focused);
    },
    show: (frame) => show(frame),
    repaint: () => host.dispatchEvent(new CustomEvent("steepest:theme")),
    renew(later) {
      data = later;
      drawn = 0;
      caption.replaceChildren(...unbroken(data.title));
      // Nothing that listens may ask the old picture for a frame that it does not have.
      show = () => undefined;
      tell();
    },
  };
}

/** What had the focus before it was drawn anew has it again. */
function refocus(host: HTMLElement, before: Element | null): void {
  if (!(before instanceof HTMLElement)) return;
  const name = (element: Element): string =>
    element.getAttribute("aria-label") ?? element.textContent ?? "";
  if (before === host) return;
  const same = [...host.querySelectorAll<HTMLElement>("button, input, [tabindex]")];
  same.find((element) => name(element) === name(before))?.focus();
}

export const sentences = (said: string[]): string =>
  said
    .filter(Boolean)
    .map((text) => (/[.:;]$/.test(text) ? text : `${text}.`))
    .join(" ");
