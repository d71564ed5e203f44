// Path data from positions in pixels: rounded, broken where there is no number.

// Far outside every figure; beyond, renderers lose their precision.
const FAR = 20000;

export const px = (value: number): number =>
  Math.round(Math.min(FAR, Math.max(-FAR, value)) * 10) / 10;

const drawable = (x: number, y: number): boolean => !Number.isNaN(x) && !Number.isNaN(y);

export type Position = (index: number) => number;

/** A line through `n` positions. */
export function line(n: number, x: Position, y: Position): string {
  return trail(n, x, y).whole;
}

/** A line, and its beginning up to and including any of its positions. */
export function trail(
  n: number,
  x: Position,
  y: Position,
): { whole: string; upTo: (index: number) => string } {
  const ends: number[] = [];
  let whole = "";
  let pen = "M";
  for (let index = 0; index < n; index += 1) {
    const [left, top] = [x(index), y(index)];
    if (drawable(left, top)) {
      whole += `${pen}${px(left)},${px(top)}`;
      pen = "L";
    } else {
      pen = "M";
    }
    ends.push(whole.length);
  }
  return { whole, upTo: (index) => (index < 0 ? "" : whole.slice(0, ends[index])) };
}

/** Dots: strokes of no length, which round caps make round. One attribute moves them all. */
export function dots(n: number, x: Position, y: Position): string {
  let path = "";
  for (let index = 0; index < n; index += 1) {
    const [left, top] = [x(index), y(index)];
    if (drawable(left, top)) path += `M${px(left)},${px(top)}h0`;
  }
  return path;
}

/** Vertical sticks from one height to another. */
export function sticks(n: number, x: Position, from: Position, to: Position): string {
  let path = "";
  for (let index = 0; index < n; index += 1) {
    const [left, start, end] = [x(index), from(index), to(index)];
    if (drawable(left, start + end)) path += `M${px(left)},${px(start)}V${px(end)}`;
  }
  return path;
}

/** Where an element is moved to; off the picture where there is no such place. */
export function at(x: number, y: number): string {
  return drawable(x, y) ? `translate(${px(x)},${px(y)})` : `translate(${-FAR},${-FAR})`;
}
