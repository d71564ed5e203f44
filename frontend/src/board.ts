// A board on a page: words, figures and timeline, linked by one cursor.

import { makeCursor } from "./cursor";
import { read, type Board, type FigureData } from "./data";
import { html, reachable, unbroken } from "./dom";
import { draw, drawable, notesOf, sentences, sizeFor } from "./figures";
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

export function mount(element: HTMLElement, raw: unknown, options: Options = {}): Handle {
  const board = read(raw);
  const chosenOf = ({ figures }: Board): FigureData[] =>
    figures.filter((data) => drawable(data) && (options.figures?.includes(data.kind) ?? true));
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
      renewed(grid, panels, shown, (data) => makePanel(board, data, cursor));
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

/** Panels of the same kind stay in their place; others are made. */
function renewed(
  grid: HTMLElement,
  panels: Panel[],
  shown: FigureData[],
  make: (data: FigureData) => Panel,
): void {
  shown.forEach((data, index) => {
    const panel = panels[index];
    if (panel?.element.className === data.kind) {
      panel.renew(data);
      return;
    }
    panel?.element.remove();
    const other = make(data);
    grid.insertBefore(other.element, grid.children[index] ?? null);
    panels[index] = other;
  });
  for (const panel of panels.splice(shown.length)) panel.element.remove();
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
    const said = notesOf(data);
    notes.replaceChildren(...unbroken(said));
    if (said) element.append(notes);
    else notes.remove();
  };
  tell();
  return {
    element,
    draw() {
      const size = sizeFor(host.clientWidth);
      if (size.width === drawn) return;
      drawn = size.width;
      const focused = host.contains(document.activeElement) ? document.activeElement : null;
      host.replaceChildren();
      show = draw(host, data, { ...size, board, cursor });
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
