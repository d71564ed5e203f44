// Inputs that are pictures: the rows that pull hardest, what they ask the first layer for, and rows told wrong.

import { colours, mixed } from "../colours";
import type { PicturesData } from "../data";
import { html, svg } from "../dom";
import { picture, type Draw } from "../frame";
import { px } from "../path";
import { count, cut, number } from "../words";

const SIGNED = 100;
const GRAYS = 255;
const MOST = 11; // characters of a class
const NARROWEST = 66; // pixels a tile
const [BESIDE, BELOW] = [12, 10]; // pixels between tiles
const [HEAD, LINE] = [20, 16]; // pixels of a line of words

type Colour = (place: number) => string;

/** Pictures one below the other, with a few words; those about a mistake come first. */
interface Tile {
  dots: Colour[];
  wrong: string[];
  words: string[];
}

export const drawPictures: Draw<PicturesData> = (host, data, stage) => {
  const { width, height } = data;
  const columns = Math.max(1, Math.floor((stage.width + BESIDE) / (NARROWEST + BESIDE)));
  const side = (stage.width + BESIDE) / columns - BESIDE;
  const tall = (side * height) / width;
  const paints: (() => void)[] = [];
  const body = svg("g");
  let top = 0;
  const put = (title: string, tiles: Tile[]): void => {
    if (!tiles.length) return;
    body.append(svg("text", { class: "aside", x: 0, y: top + 12 }, title));
    top += HEAD;
    for (let from = 0; from < tiles.length; from += columns) {
      const row = tiles.slice(from, from + columns);
      row.forEach((tile, place) => {
        const group = svg("g", {
          class: tile.wrong.length ? "tile wrong" : "tile",
          transform: `translate(${px(place * (side + BESIDE))},${px(top)})`,
        });
        tile.dots.forEach((colour, index) => {
          const box = { y: px(index * (tall + 2)), width: px(side), height: px(tall) };
          const canvas = html("canvas", { width, height });
          paints.push(() => dotted(canvas, width, height, colour));
          group.append(
            svg("foreignObject", { x: 0, ...box }, canvas),
            svg("rect", { class: "frame", x: 0, ...box }),
          );
        });
        const below = tile.dots.length * (tall + 2);
        [...tile.wrong, ...tile.words].forEach((text, line) => {
          const name = line < tile.wrong.length ? "told-wrong" : line ? "tick" : "value";
          group.append(svg("text", { class: name, x: 0, y: px(below + 12 + LINE * line) }, text));
        });
        body.append(group);
      });
      const lines = Math.max(...row.map(({ wrong, words }) => wrong.length + words.length));
      const pictures = Math.max(...row.map(({ dots }) => dots.length));
      top += pictures * (tall + 2) + lines * LINE + BELOW;
    }
  };
  const dress = dresser(host, data);
  put("The rows that pull hardest", shownOf(data, dress));
  put(
    "Units of the first layer: their weights, and below minus their gradient",
    askedOf(data, dress),
  );
  put("Rows told wrong", missedOf(data, dress));
  picture(host, data.text, stage.width, Math.ceil(Math.max(1, top))).append(body);
  const paint = (): void => {
    dress.again();
    for (const one of paints) one();
  };
  paint();
  host.addEventListener("steepest:theme", paint);
  return () => undefined;
};

/** What colour a dot has, by the theme at hand. */
interface Dresser {
  again: () => void;
  picture: (pixels: number[]) => Colour;
  signed: (levels: number[]) => Colour;
}

function dresser(host: HTMLElement, { channels, inked }: PicturesData): Dresser {
  let [paper, ink, more, less]: number[][] = [];
  const gray = (level: number): string =>
    inked ? mixed(paper!, ink!, level / GRAYS) : mixed([0, 0, 0], [255, 255, 255], level / GRAYS);
  return {
    again() {
      [paper, ink, more, less] = colours(host, ["--paper", "--ink", "--more", "--less"]);
    },
    picture: (pixels) => (place) => {
      if (channels === 1) return gray(pixels[place] ?? 0);
      const [red, green, blue] = pixels.slice(place * channels, place * channels + 3);
      return `rgb(${red},${green},${blue})`;
    },
    signed: (levels) => (place) => {
      const level = levels[place] ?? 0;
      return mixed(paper!, level < 0 ? less! : more!, Math.min(1, Math.abs(level) / SIGNED));
    },
  };
}

/** What a row is and what was said, in one line where that fits. */
function told(is: string, said: string): string[] {
  const [first, second] = [`${cut(is, MOST)}, said`, cut(said, MOST)];
  const both = `${first} ${second}`;
  return both.length > MOST ? [first, second] : [both];
}

const shownOf = ({ rows }: PicturesData, { picture }: Dresser): Tile[] =>
  rows.map(({ row, is, said, wrong, share, pixels }) => ({
    dots: [picture(pixels)],
    wrong: wrong ? told(is, said) : [],
    words: [
      ...(wrong ? [] : [cut(is, MOST)]),
      `row ${count(row)}`,
      ...(share === null ? [] : [`${number(100 * share, 2)} %`]),
    ],
  }));

const missedOf = ({ missed }: PicturesData, { picture }: Dresser): Tile[] =>
  missed.map(({ row, is, said, pixels }) => ({
    dots: [picture(pixels)],
    wrong: told(is, said),
    words: [`row ${count(row)}`],
  }));

const askedOf = ({ units }: PicturesData, { signed }: Dresser): Tile[] =>
  units.map(({ unit, length, weights, asked }) => ({
    dots: [signed(weights), signed(asked)],
    wrong: [],
    words: [`unit ${count(unit)}`, ...(length === null ? [] : [`∂ ${number(length, 2)}`])],
  }));

/** A dot of the canvas for each pixel; the style sheet makes them large, and keeps them square. */
function dotted(canvas: HTMLCanvasElement, width: number, height: number, colour: Colour): void {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  for (let place = 0; place < width * height; place += 1) {
    pen.fillStyle = colour(place);
    pen.fillRect(place % width, Math.floor(place / width), 1, 1);
  }
}
