// Figures of a judged run, as the kit draws them, whose titles follow the cursor.

import { makePanel, type Panel } from "../board";
import type { Cursor } from "../cursor";
import type { Board, FigureData } from "../data";
import { html, unbroken } from "../dom";
import { captionAt } from "./captions";

export function panelsOf(
  board: Board,
  figures: FigureData[],
  cursor: Cursor,
  codes: (kind: string) => string,
): Panel[] {
  return figures.map((figure) => {
    const panel = makePanel(board, figure, cursor);
    const said = html("span", {}, ...unbroken(figure.title));
    const marks = html("span", { class: "codes" }, codes(figure.kind));
    panel.element.querySelector("figcaption")?.replaceChildren(said, marks);
    return {
      ...panel,
      show(frame) {
        panel.show(frame);
        const title = frame === board.at ? null : captionAt(figure, board, frame);
        said.replaceChildren(...unbroken(title ?? figure.title));
      },
    };
  });
}
