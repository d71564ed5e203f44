// The four live figures: fit, loss, contour and weights of the descent under the ball.

import type { Cursor } from "../cursor";
import type { Board } from "../data";
import { html, reachable, unbroken } from "../dom";
import { sentences } from "../figures";
import { codesFor } from "./findings";
import { makePlaneChoice } from "./planes";
import type { Descent, Scene } from "./scene";
import { paintContour, type Drag } from "./views/contour";
import { paintFit } from "./views/fit";
import { paintLoss } from "./views/loss";
import type { MoveRow } from "./views/points";
import { makeView, type View } from "./views/view";
import { paintWeights } from "./views/weights";

export interface Figures {
  element: HTMLElement;
  /** `held`: a hand is on the contour, which stays as it is. */
  draw: (scene: Scene, held?: boolean) => void;
  show: (descent: Descent, frame: number) => void;
  /** Shows these kinds alone; null all. */
  only: (kinds: string[] | null) => void;
  /** The judged sentences take the place of those made here. */
  judge: (board: Board) => void;
  resize: () => void;
}

export function makeFigures(
  cursor: Cursor,
  drag: Drag,
  move: MoveRow,
  plane: (pair: [string, string]) => void,
): Figures {
  const contour = makeView("contour", "The loss from above", paintContour(drag));
  const views: View[] = [
    makeView("fit", "The model over the data", paintFit(move)),
    makeView("loss", "The loss by step", paintLoss(cursor)),
    contour,
    makeView("courses", "The weights", paintWeights),
  ];
  const planes = makePlaneChoice(plane);
  contour.element.append(planes.element);
  const row = html("div", { class: "live", role: "group", "aria-label": "Figures" });
  row.append(...views.map((view) => view.element));
  const notes = html("p", { class: "notes" });
  const element = html("div", {}, row, notes);
  let seen: [string, string] | null = null;
  return {
    element,
    draw(scene, held = false) {
      const { live } = scene;
      for (const view of views) if (!held || view !== contour) view.draw(scene);
      seen = live.contour?.weights ?? null;
      planes.offer(live.weights, seen);
      notes.replaceChildren(...unbroken(sentences(live.notes ?? [])));
    },
    only(kinds) {
      for (const { kind, element: one } of views) {
        one.classList.toggle("aside", kinds !== null && !kinds.includes(kind));
      }
      for (const view of views) view.resize();
    },
    show(descent, frame) {
      for (const view of views) view.show(descent, frame);
    },
    judge(board) {
      for (const view of views) {
        const kinds = view.kind === "fit" ? ["fit", "function"] : [view.kind];
        const figure = board.figures.find(
          (known) =>
            kinds.includes(known.kind) &&
            (known.kind !== "contour" || String(known.weights) === String(seen)),
        );
        // A title that speaks of one step holds there only.
        if (figure) view.entitle(figure.title, figure.kind === "fit" ? board.at : null);
        view.mark(codesFor(board, view.kind));
      }
    },
    resize() {
      for (const view of views) view.resize();
      // On a phone the figures lie side by side.
      reachable(row);
    },
  };
}
