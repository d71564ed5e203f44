// Inputs that are pictures: the rows that pull hardest, what they ask the first layer for, and rows told wrong.

import type { PicturesData } from "../data";
import { html } from "../dom";
import type { Draw } from "../frame";
import { colours, mixed } from "../sheet";
import { count, cut, number } from "../words";

const SIGNED = 100;
const GRAYS = 255;
const MOST = 14; // characters of a class

type Colour = string;

export const drawPictures: Draw<PicturesData> = (host, data) => {
  const { width, height, channels, rows, units, missed } = data;
  const paints: (() => void)[] = [];
  let [paper, ink, more, less]: number[][] = [];
  const dress = (): void => {
    [paper, ink, more, less] = colours(host, ["--paper", "--ink", "--more", "--less"]);
  };
  const tile = (colour: (place: number) => Colour): HTMLCanvasElement => {
    const canvas = html("canvas", { width, height });
    paints.push(() => dotted(canvas, width, height, colour));
    return canvas;
  };
  const gray = (level: number): Colour =>
    data.inked
      ? mixed(paper!, ink!, level / GRAYS)
      : mixed([0, 0, 0], [255, 255, 255], level / GRAYS);
  const signed = (level: number): Colour =>
    mixed(paper!, level < 0 ? less! : more!, Math.min(1, Math.abs(level) / SIGNED));
  const words = (...said: string[]): HTMLElement[] =>
    said.filter(Boolean).map((text) => html("span", {}, text));

  const picture = ({ pixels }: { pixels: number[] }): HTMLCanvasElement =>
    tile((place) => {
      if (channels === 1) return gray(pixels[place] ?? 0);
      const [red, green, blue] = pixels.slice(place * channels, place * channels + 3);
      return `rgb(${red},${green},${blue})`;
    });
  const both = (is: string, said: string): string => `${cut(is, MOST)}, said ${cut(said, MOST)}`;
  const shown = rows.map(({ row, is, said, wrong, share, pixels }) => {
    const verdict = wrong ? both(is, said) : cut(is, MOST);
    return html(
      "div",
      { class: wrong ? "tile wrong" : "tile" },
      picture({ pixels }),
      ...words(verdict, `row ${count(row)}`, share === null ? "" : percent(share)),
    );
  });
  const told = missed.map(({ row, is, said, pixels }) =>
    html(
      "div",
      { class: "tile wrong" },
      picture({ pixels }),
      ...words(both(is, said), `row ${count(row)}`),
    ),
  );
  const asked = units.map(({ unit, length, weights, asked: slope }) =>
    html(
      "div",
      { class: "tile" },
      tile((place) => signed(weights[place] ?? 0)),
      tile((place) => signed(slope[place] ?? 0)),
      ...words(`unit ${count(unit)}`, length === null ? "" : `∂ ${number(length, 2)}`),
    ),
  );
  const group = (title: string, tiles: HTMLElement[]): HTMLElement[] =>
    tiles.length ? [html("p", {}, title), html("div", { class: "tiles" }, ...tiles)] : [];
  host.append(
    html(
      "div",
      { role: "img", "aria-label": data.text, class: "tiled" },
      ...group("The rows that pull hardest", shown),
      ...group("Units of the first layer: their weights, and below minus their gradient", asked),
      ...group("Rows told wrong", told),
    ),
  );
  const paint = (): void => {
    dress();
    for (const one of paints) one();
  };
  paint();
  host.addEventListener("steepest:theme", paint);
  return () => undefined;
};

const percent = (share: number): string => `${number(100 * share, 2)} %`;

/** A dot of the canvas for each pixel; the style sheet makes them large, and keeps them square. */
function dotted(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  colour: (place: number) => Colour,
): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  for (let place = 0; place < width * height; place += 1) {
    pen.fillStyle = colour(place);
    pen.fillRect(place % width, Math.floor(place / width), 1, 1);
  }
}
