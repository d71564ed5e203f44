// What a figure of the board says at another step than the one it was judged at.

import type { BackwardData, Board, FigureData } from "../data";
import { count, cut, number } from "../words";

/** A sentence for a frame, or null where the judged title holds at every step. */
export function captionAt(figure: FigureData, { frames }: Board, frame: number): string | null {
  const step = `At step ${count(frames[frame] ?? 0)}`;
  if (figure.kind === "slice") {
    const [value, slope] = [figure.here[frame] ?? NaN, figure.slope[frame] ?? NaN];
    const helps = slope < 0 ? "raising" : "lowering";
    const words = slope === 0 ? "" : `: ${helps} it lowers the loss`;
    return `${step} ${cut(figure.weight, 20)} is ${number(value, 4)} and the slope ${number(slope, 3)}${words}.`;
  }
  if (figure.kind === "pulls") {
    const all = (figure.amount[frame] ?? []).flatMap((pulls, weight) =>
      pulls.map((pull, place) => ({ pull, row: figure.row[place], weight })),
    );
    const [most] = all.sort((a, b) => Math.abs(b.pull) - Math.abs(a.pull));
    if (!most) return null;
    const name = cut(figure.weights[most.weight] ?? "", 20);
    return `${step} row ${most.row} pulls hardest: at ${name} with ${number(most.pull, 3)}.`;
  }
  if (figure.kind === "residuals") {
    const left = (figure.residual[frame] ?? []).filter(Number.isFinite);
    if (!left.length) return null;
    const [low, high] = [Math.min(...left), Math.max(...left)];
    return `${step} the residuals reach from ${number(low, 3)} to ${number(high, 4)}.`;
  }
  if (figure.kind === "backward") {
    return `${step} the backward pass ${endsOf(figure, frame)}.`;
  }
  return null;
}

const LISTED = 4; // weights

/** With what the weights end: through one row, and over all. */
function endsOf({ row, nodes, adjoint, adjoint_sum: sums }: BackwardData, frame: number): string {
  const all = nodes.filter(({ weight }) => weight !== null);
  const shown = all.slice(0, LISTED);
  const more = all.length > LISTED ? [`${all.length - LISTED} more`] : [];
  const number4 = (known: number[][], id: number): string => number(known[frame]?.[id] ?? NaN, 4);
  const each = shown.map(({ id, text }) => `${number4(adjoint, id)} for ${cut(text, 16)}`);
  const ends = joined([...each, ...more]);
  if (!sums) return `ends with ${ends}`;
  const whole = joined([...shown.map(({ id }) => number4(sums, id)), ...more]);
  return `through row ${row} ends with ${ends}; all rows add up to ${whole}`;
}

const joined = (parts: string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
