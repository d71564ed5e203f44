// A board as one SVG, drawn without a browser: the code of the pages, behind a document of its own.

import { makeCursor } from "../cursor";
import { read, type Board, type FigureData } from "../data";
import { draw, drawable, notesOf, sentences, sizeFor } from "../figures";
import { html } from "../dom";
import { makeLegend } from "../legend";
import { coloured, dress, looks, valueOf, type Theme } from "./cascade";
import { Part } from "./document";

// Where the figures look for it.
Object.assign(globalThis, {
  document: {
    createElement: (tag: string) => new Part(tag),
    createElementNS: (_: string, tag: string) => new Part(tag),
  },
  getComputedStyle: (part: Part) => ({ color: coloured(part, part.style.color ?? "") }),
});

interface Request {
  /** A board, or a figure alone. */
  board: unknown;
  /** The frame at which it stands; where it opens without it. */
  at?: number;
  theme: Theme;
}

const WIDTH = 568; // pixels, of a drawing
const EDGE = 16;
const GAP = 8;
const BETWEEN = 28; // pixels from figure to figure
const KEY = 22; // pixels, of a mark in the legend
// Letters as wide as on every machine, as far as it can be had; the converter brings the first.
const FONTS = "'Liberation Sans', Arial, Helvetica, sans-serif";

/** How text is set: its size, the height of a line, and the width of a letter at most. */
interface Type {
  size: number;
  line: number;
  letter: number;
  colour: string;
}
const TITLE: Type = { size: 14, line: 20, letter: 7.3, colour: "var(--ink)" };
const SMALL: Type = { size: 12, line: 17, letter: 6.4, colour: "var(--muted)" };

/** The SVG of what `text` asks for: a Request in JSON. */
export function still(text: string): string {
  const { board: raw, at, theme } = JSON.parse(text) as Request;
  dress(theme);
  const board = read(raw);
  const cursor = makeCursor(board.frames.length, at ?? board.at);
  const shown = board.figures.filter(drawable);
  const grid = element("div", { class: "figures" });
  const root = element("section", { class: "steepest" }, grid);
  const paper = new Paper(root);
  shown.forEach((data, index) => {
    if (index) paper.skip(BETWEEN);
    paper.figure(data, grid, board, cursor);
  });
  paper.legend(makeLegend(shown) as unknown as Part);
  paper.words(sentences(board.notes), SMALL);
  return paper.whole(shown.map(({ title }) => title).join(" "));
}

/** What was drawn so far, from the top down. */
class Paper {
  private readonly drawn: string[] = [];
  private wide = WIDTH;
  private top = EDGE;

  constructor(private readonly root: Part) {}

  skip(pixels: number): void {
    this.top += pixels;
  }

  words(text: string, type: Type): void {
    if (!text) return;
    for (const said of wrapped(text, WIDTH / type.letter)) {
      this.drawn.push(this.text(said, EDGE, this.top + type.size, type));
      this.top += type.line;
    }
    this.top += GAP;
  }

  figure(data: FigureData, grid: Part, board: Board, cursor: ReturnType<typeof makeCursor>): void {
    this.words(data.title, TITLE);
    const host = element("div", { class: "drawing" });
    grid.append(element("figure", { class: data.kind }, host));
    const size = sizeFor(WIDTH);
    draw(host as unknown as HTMLElement, data, { ...size, board, cursor })(cursor.frame);
    for (const picture of host.parts.filter(({ tagName }) => tagName === "svg")) {
      const [, , width, height] = (picture.getAttribute("viewBox") ?? "").split(" ").map(Number);
      this.wide = Math.max(this.wide, width!);
      this.put(picture, EDGE, width!, height!);
      this.top += height!;
    }
    this.top += GAP;
    this.words(notesOf(data), SMALL);
  }

  legend(list: Part): void {
    this.root.append(list);
    let left = EDGE;
    for (const item of list.parts) {
      const said = item.children.filter((child) => typeof child === "string").join("");
      const width = KEY + 6 + said.length * SMALL.letter + 12;
      if (left > EDGE && left + width > EDGE + WIDTH) {
        left = EDGE;
        this.top += SMALL.line;
      }
      this.put(item.parts[0]!, left, KEY, 14);
      this.drawn.push(this.text(said, left + KEY + 6, this.top + SMALL.size - 1, SMALL));
      left += width;
    }
    if (left > EDGE) this.top += SMALL.line + GAP;
  }

  whole(title: string): string {
    const [width, height] = [this.wide + 2 * EDGE, Math.ceil(this.top + EDGE - GAP)];
    const paper = valueOf(this.root, "var(--paper)");
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
        `viewBox="0 0 ${width} ${height}" font-family="${FONTS}">`,
      `<title>${escaped(title)}</title>`,
      `<rect width="${width}" height="${height}" fill="${paper}"/>`,
      ...this.drawn,
      "</svg>\n",
    ].join("\n");
  }

  private put(picture: Part, x: number, width: number, height: number): void {
    const place = { x, y: this.top, width, height };
    for (const [name, value] of Object.entries(place)) picture.setAttribute(name, String(value));
    this.drawn.push(written(picture));
  }

  private text(said: string, x: number, y: number, { size, colour }: Type): string {
    const fill = valueOf(this.root, colour);
    return `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}">${escaped(said)}</text>`;
  }
}

const element = (
  tag: keyof HTMLElementTagNameMap,
  attributes: Record<string, string>,
  ...children: Part[]
): Part => html(tag, attributes, ...(children as unknown as Node[])) as unknown as Part;

/** Lines of at most so many letters, broken between words where that is possible. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).flatMap((long) => pieces(long, most))) {
    if (line && wide(line) + 1 + wide(word) > most) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return line ? [...lines, line] : lines;
}

/** Signs from Chinese on are twice as wide as letters. */
const wide = (text: string): number =>
  [...text].reduce((sum, sign) => sum + (sign > "\u2e7f" ? 2 : 1), 0);

function pieces(word: string, most: number): string[] {
  const found = [""];
  for (const sign of word) {
    if (wide(found.at(-1)!) + wide(sign) > most) found.push("");
    found[found.length - 1] += sign;
  }
  return found;
}

/** An element as text, with what the style sheet says about it and not about what it is in. */
function written(part: Part, around: ReadonlyMap<string, string> = new Map()): string {
  const { tagName: tag, parts } = part;
  // What is not seen is not written.
  if (part.className === "chooser" || part.getAttribute("d") === "") return "";
  if (tag === "text" && !part.textContent) return "";
  if (tag === "foreignObject") return image(part, parts[0]!);
  const look = looks(part);
  const news = [...look].filter(([name, value]) => around.get(name) !== value);
  const attributes = new Map([...part.attributes, ...news]);
  for (const name of ["class", "tabindex"]) attributes.delete(name);
  const within = new Map([...around, ...look]);
  const inside = part.children
    .map((child) => (child instanceof Part ? written(child, within) : escaped(child)))
    .join("");
  if (tag === "g" && !inside) return "";
  const said = [...attributes].map(([name, value]) => ` ${name}="${escaped(value)}"`).join("");
  return inside ? `<${tag}${said}>${inside}</${tag}>` : `<${tag}${said}/>`;
}

// As readers of SVG 1.1 have it, and browsers.
const SHARP = 'image-rendering="optimizeSpeed" style="image-rendering:pixelated"';

function image(place: Part, canvas: Part): string {
  const sides = ["x", "y", "width", "height"].map(
    (side) => `${side}="${place.getAttribute(side)}"`,
  );
  return `<image ${sides.join(" ")} ${SHARP} href="${canvas.address}"/>`;
}

const SIGNS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text that can stand in XML, which has no way to write some signs. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"]/g, (sign) => SIGNS[sign]!);
