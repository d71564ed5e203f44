// The other figures of a judged run, below those that are live.

import type { Panel } from "../board";
import type { Cursor } from "../cursor";
import type { Board } from "../data";
import { html, reachable } from "../dom";
import { codesFor } from "./findings";
import { panelsOf } from "./panels";

/** These are drawn live, or in a room of their own. */
const ELSEWHERE = ["fit", "loss", "sweep", "function", "surface"];

export interface More {
  element: HTMLElement;
  /** `plane`: the weights of the contour that is live. */
  judge: (board: Board, plane: [string, string] | null) => void;
  show: (frame: number) => void;
  stale: () => void;
  resize: () => void;
}

export function makeMore(cursor: Cursor): More {
  const grid = html("div", { class: "figures", role: "group", "aria-label": "More figures" });
  const element = html("section", { class: "rest", "aria-label": "More of this run" });
  element.append(html("h2", {}, "More of this run"), grid);
  element.hidden = true;
  let panels: Panel[] = [];
  const resize = (): void => {
    for (const panel of panels) panel.draw();
    reachable(grid);
  };
  return {
    element,
    judge(board, plane) {
      const shown = board.figures.filter(
        (figure) =>
          !ELSEWHERE.includes(figure.kind) &&
          (figure.kind !== "contour" || String(figure.weights) !== String(plane)),
      );
      panels = panelsOf(board, shown, cursor, (kind) => codesFor(board, kind));
      grid.replaceChildren(...panels.map((panel) => panel.element));
      element.hidden = !panels.length;
      element.inert = false;
      element.classList.remove("stale");
      resize();
      for (const panel of panels) panel.show(cursor.frame);
    },
    show(frame) {
      if (!element.inert) for (const panel of panels) panel.show(frame);
    },
    stale() {
      element.inert = true;
      element.classList.add("stale");
    },
    resize,
  };
}
