// A board on a page: words, figures and timeline, linked by one cursor.

import { makeCursor } from "./cursor";
import { read, type Board, type FigureData } from "./data";
import { html, reachable } from "./dom";
import { drawBackward } from "./figures/backward";
import { drawContour } from "./figures/contour";
import { drawFit } from "./figures/fit";
import { drawLoss } from "./figures/loss";
import { drawPulls } from "./figures/pulls";
import { drawResiduals } from "./figures/residuals";
import { drawFunction, drawSlice } from "./figures/slice";
import { drawSpectrum } from "./figures/spectrum";
import { drawSurface } from "./figures/surface";
import { drawSweep } from "./figures/sweep";
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
} as Record<FigureData["kind"], Draw<FigureData>>;

const NARROWEST = 240;
const [LOW, HIGH] = [230, 290];

export function mount(element: HTMLElement, raw: unknown, options: Options = {}): Handle {
  const board = read(raw);
  const chosen = board.figures.filter(
    ({ kind }) => Object.hasOwn(DRAW, kind) && (options.figures?.includes(kind) ?? true),
  );
  const cursor = makeCursor(board.frames.length, board.at);
  const root = html("section", { class: "steepest", "aria-label": board.formula || "Descent" });
  if (options.words !== false) root.append(makeVerdict(board));
  const panels = chosen.map((data) => makePanel(board, data, cursor));
  const grid = html("div", { class: "figures" }, ...panels.map((panel) => panel.element));
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Figures");
  if (chosen.length) root.append(grid, makeLegend(chosen));
  if (board.notes.length) root.append(html("p", { class: "notes" }, sentences(board.notes)));
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
}

export function makePanel(
  board: Board,
  data: FigureData,
  cursor: ReturnType<typeof makeCursor>,
): Panel {
  const host = html("div", { class: "drawing" });
  const element = html("figure", { class: data.kind }, html("figcaption", {}, data.title), host);
  const said = [];
  if ("held" in data && data.held) said.push(data.held.text);
  if ("bound_text" in data) said.push(data.bound_text);
  said.push(...data.notes);
  if (said.some(Boolean)) element.append(html("p", { class: "notes" }, sentences(said)));
  let drawn = 0;
  let show: (frame: number) => void = () => undefined;
  return {
    element,
    draw() {
      const width = Math.max(NARROWEST, Math.floor(host.clientWidth));
      if (width === drawn) return;
      drawn = width;
      const height = Math.round(Math.min(HIGH, Math.max(LOW, width * 0.68)));
      host.replaceChildren();
      show = DRAW[data.kind](host, data, { width, height, board, cursor });
      show(cursor.frame);
    },
    show: (frame) => show(frame),
    repaint: () => host.dispatchEvent(new CustomEvent("steepest:theme")),
  };
}

export const sentences = (said: string[]): string =>
  said
    .filter(Boolean)
    .map((text) => (/[.:;]$/.test(text) ? text : `${text}.`))
    .join(" ");
