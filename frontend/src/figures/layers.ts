// A heat map of a training: rows are its tensors, columns its steps, and what it shows is chosen.

import { markAlarms } from "../alarms";
import type { ChoiceData, LayersData } from "../data";
import { html, svg } from "../dom";
import { choosable, nearest, picture, type Draw } from "../frame";
import { heat, type Heat } from "../heat";
import { at, px } from "../path";
import { scale, type Scale } from "../scale";
import { cut, number } from "../words";

const TOP = 30;
const BOTTOM = 38;
const READINGS = 62; // pixels, the numbers at the cursor
const CHARACTER = 6.4;
const [SHORTEST, TALLEST] = [9, 22]; // pixels a row
const LEGIBLE = 12;
const SWATCH = 9;
const HATCH = 6; // pixels from stroke to stroke

export const drawLayers: Draw<LayersData> = (host, data, { board, cursor, width: wide }) => {
  const { rows, edges, choices, alarms } = data;
  const tall = Math.max(SHORTEST, Math.min(TALLEST, Math.floor(260 / Math.max(1, rows.length))));
  const height = tall * Math.max(1, rows.length);
  const root = picture(host, data.text, wide, height + TOP + BOTTOM);
  const longest = Math.max(4, ...rows.map((name) => name.length));
  const left = Math.round(Math.min(longest * CHARACTER + 12, wide / 3));
  const readings = tall >= LEGIBLE ? READINGS : 12;
  const width = wide - left - readings;
  const x = scale("linear", [edges[0]!, edges.at(-1)!], [0, width]);

  const moved = { transform: `translate(${left},${TOP})` };
  const cells = svg("g", moved);
  const words = svg("g", moved);
  const inside = svg("g", moved);
  root.append(cells, words, inside);
  const put = <E extends SVGElement>(element: E): E => {
    inside.append(element);
    return element;
  };
  const say = (name: string, said: string, atX: number, atY: number, anchor = "start"): void => {
    words.append(svg("text", { class: name, x: px(atX), y: px(atY), "text-anchor": anchor }, said));
  };
  const path = (name: string, d = ""): SVGPathElement => put(svg("path", { class: name, d }));

  sides({ words, say, x, width, height, left, readings }, data, tall);
  const key = svg("g");
  words.append(key);
  const numbers = rows.map((_, row) =>
    svg("text", { class: "tick", x: width + 6, y: px((row + 0.5) * tall + 4) }),
  );
  if (tall >= LEGIBLE) words.append(...numbers);
  markAlarms({ x, width, height, path, say }, alarms, false);
  const now = path("cursor-line");
  const tip = put(svg("path", { class: "cursor-tip", d: "M-5,-8h10l-5,7z" }));

  // What is shown stays when a training that goes on brings new numbers.
  let chosen = Math.max(
    0,
    choices.findIndex(({ of }) => of === (host.dataset.of ?? choices[data.shown]?.of)),
  );
  const show = (frame: number): void => {
    const step = board.frames[frame] ?? 0;
    const place = Math.round(x(step)) + 0.5;
    now.setAttribute("d", `M${place},0V${height}`);
    tip.setAttribute("transform", at(place, 0));
    const column = edges.findLastIndex((edge) => edge <= step);
    numbers.forEach((element, row) => {
      element.textContent = reading(choices[chosen]?.values[row]?.[column] ?? NaN);
    });
  };
  const paint = (): void => {
    const choice = choices[chosen];
    if (!choice) return;
    const colours = heat(choice.scale, choice.low, choice.high);
    cells.replaceChildren(...painted(choice, colours, edges.map(x), tall));
    key.replaceChildren(...keyOf(choice, colours, width));
    root.setAttribute("aria-label", choice.text);
    retitle(host, choice.title);
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(index === chosen));
    });
    show(cursor.frame);
  };
  const buttons = buttonsFor(choices, (index) => {
    chosen = index;
    host.dataset.of = choices[index]!.of;
    paint();
  });
  const named = { role: "group", "aria-label": "What the colours show" };
  host.append(html("div", { class: "controls", ...named }, ...buttons));
  const places = board.frames.map((frame) => x(frame));
  choosable({ picture: root, width, height, put }, cursor, (pointer) =>
    nearest(places.length, (index) => Math.abs(places[index]! - pointer)),
  );
  paint();
  return show;
};

/** On a board the caption says what is shown now. */
function retitle(host: HTMLElement, title: string): void {
  const caption = host.parentElement?.querySelector("figcaption");
  if (caption && host.parentElement?.matches("figure.layers")) caption.textContent = title;
}

function reading(value: number): string {
  if (Number.isNaN(value)) return "";
  return Number.isFinite(value) ? number(value, 2) : "not finite";
}

const buttonsFor = (choices: ChoiceData[], choose: (index: number) => void): HTMLElement[] =>
  choices.map(({ of }, index) => {
    const button = html("button", { type: "button" }, cut(of, 20));
    button.addEventListener("click", () => choose(index));
    return button;
  });

interface Sheet {
  words: SVGGElement;
  say: (name: string, said: string, x: number, y: number, anchor?: string) => void;
  x: Scale;
  width: number;
  height: number;
  /** Pixels beside the cells. */
  left: number;
  readings: number;
}

/** The names of the rows, and the steps below them. */
function sides(
  { words, say, x, width, height, left, readings }: Sheet,
  { rows, x: axis }: LayersData,
  tall: number,
): void {
  const fits = Math.floor((left - 10) / CHARACTER);
  const every = Math.ceil(LEGIBLE / tall);
  rows.forEach((name, row) => {
    if (row % every) return;
    say("tick", cut(name, fits), -7, (row + 0.5) * tall + 4, "end");
  });
  words.append(svg("path", { class: "axis", d: `M0,${height + 0.5}H${width}` }));
  for (const { value, label } of x.ticks(Math.max(2, Math.min(7, width / 64)))) {
    const middle = Math.round(x(value)) + 0.5;
    words.append(svg("path", { class: "axis", d: `M${middle},${height + 0.5}v4` }));
    // A label that would run out of the picture is left out.
    if (middle + (label.length * CHARACTER) / 2 > width + readings) continue;
    say("tick", label, middle, height + 18, "middle");
  }
  say("name", cut(axis.label, 48), width, height + 34, "end");
}

/** A path for each colour: neighbours in a row are one box. What was not measured is hatched. */
function painted(
  { values }: ChoiceData,
  { colours, level }: Heat,
  sides: number[],
  tall: number,
): SVGElement[] {
  const boxes = new Map<string, string>();
  const [missing, lost] = ["hatch", "cells lost"];
  const fill = (value: number): string | null => {
    if (Number.isNaN(value)) return missing;
    if (!Number.isFinite(value)) return lost;
    const place = level(value);
    return place === null ? null : colours[place]!;
  };
  values.forEach((row, index) => {
    let [from, name] = [0, fill(row[0] ?? NaN)];
    for (let column = 1; column <= row.length; column += 1) {
      const next = column < row.length ? fill(row[column]!) : undefined;
      if (next === name) continue;
      if (name !== null) {
        const [start, end, top] = [px(sides[from]!), px(sides[column]!), index * tall];
        const box =
          name === missing
            ? strokes(start, end, top, top + tall)
            : `M${start},${top}H${end}v${tall}H${start}Z`;
        boxes.set(name, (boxes.get(name) ?? "") + box);
      }
      [from, name] = [column, next ?? null];
    }
  });
  return [...boxes].map(([name, d]) => {
    const element = svg("path", { d });
    if (name === missing || name === lost) {
      element.setAttribute("class", name);
    } else {
      element.setAttribute("class", "cells");
      element.style.fill = name;
    }
    if (name !== missing) element.setAttribute("shape-rendering", "crispEdges");
    return element;
  });
}

/** Slanted lines in a box, which go on in its neighbours. */
function strokes(left: number, right: number, top: number, bottom: number): string {
  let path = "";
  const first = Math.ceil((left + top) / HATCH) * HATCH;
  for (let sum = first; sum < right + bottom; sum += HATCH) {
    const [start, end] = [Math.max(left, sum - bottom), Math.min(right, sum - top)];
    if (start < end) path += `M${px(start)},${px(sum - start)}L${px(end)},${px(sum - end)}`;
  }
  return path;
}

/** The colours with the numbers at both ends. */
function keyOf({ label, low, high }: ChoiceData, { colours }: Heat, width: number): SVGElement[] {
  const [least, most] = [number(low, 2), number(high, 2)];
  const right = width - most.length * CHARACTER - 6;
  const start = right - colours.length * SWATCH;
  const text = (said: string, x: number, anchor: string): SVGElement =>
    svg("text", { class: "tick", x: px(x), y: -10, "text-anchor": anchor }, said);
  return [
    text(`${cut(label, 20)}  ${least}`, start - 5, "end"),
    ...colours.map((fill, index) =>
      svg("rect", {
        class: "swatch-box",
        x: px(start + index * SWATCH),
        y: -19,
        width: SWATCH,
        height: 10,
        fill,
        "shape-rendering": "crispEdges",
      }),
    ),
    text(most, right + 5, "start"),
  ];
}
