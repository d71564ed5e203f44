// A graph of operations as plates with links: from the weights on the left to the loss on the right.

import type { NodeData } from "./data";
import { svg } from "./dom";
import { picture, type Stage } from "./frame";
import { px } from "./path";
import { cut } from "./words";

const ROW = 58;
const TALL = 46;
const [SLIM, BROAD] = [70, 150]; // pixels a plate
const CHARACTER = 6.8;
const LINE = 16; // pixels a line of text

/** Writes on a drawn graph. */
export interface Said {
  /** On each plate what came out of it and what goes back to it, empty where nothing is known. */
  plates: (said: (index: number) => [string, string]) => void;
  /** On each link, in the order of the nodes and of their inputs. */
  links: (said: (index: number) => string) => void;
}

/** Pixels from column to column, and those of them that a link has for itself. */
interface Looks {
  what: string;
  narrowest: number;
  gap: number;
}

/** Draws the plates and their links. */
export function drawGraph(
  host: HTMLElement,
  { nodes, text: words }: { nodes: NodeData[]; text: string },
  stage: Pick<Stage, "width">,
  { what, narrowest, gap: free }: Looks,
  [forwardMeans, backMeans]: readonly [string, string],
): Said {
  const places = arranged(nodes);
  const columns = 1 + Math.max(0, ...[...places.values()].map(({ column }) => column));
  const rows = 1 + Math.max(0, ...[...places.values()].map(({ row }) => row));
  const width = Math.max(stage.width, columns * narrowest);
  const height = rows * ROW + 26;
  const root = picture(host, words, width, height);
  // Wider than the page: the figure moves under a window, which the keyboard reaches.
  if (width > stage.width) {
    host.classList.add("scrolls");
    host.tabIndex = 0;
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", `${what}, wider than the page`);
    root.setAttribute("width", String(width));
  }
  const wide = Math.min(BROAD, Math.max(SLIM, Math.floor(width / columns) - free));
  const gap = (width - wide - 2) / Math.max(1, columns - 1);
  const spot = (id: number): [number, number] => {
    const { column, row } = places.get(id)!;
    return [columns === 1 ? 1 : 1 + column * gap, row * ROW + 6];
  };

  const links = svg("g");
  const slopes = svg("g");
  const plates = svg("g");
  const along: SVGTextElement[] = [];
  let labelled = false;
  root.append(links, slopes, plates);
  const most = Math.floor((wide - 8) / CHARACTER);
  const moving = nodes.map((node) => {
    const [left, top] = spot(node.id);
    const inputs = node.inputs.filter((known) => places.has(known));
    const heights = inputs.map((input) => places.get(input)!.row);
    inputs.forEach((input, index) => {
      const [fromX, fromY] = spot(input);
      const ends = [fromX + wide, fromY + TALL / 2, left, top + TALL / 2] as const;
      links.append(link(ends));
      const above = heights.filter((row) => row < heights[index]!).length;
      along.push(beside(ends, gap - wide, above, inputs.length));
    });
    const { plate, ...said } = plateOf(node, wide, most);
    plate.setAttribute("transform", `translate(${px(left)},${px(top)})`);
    plates.append(plate);
    return said;
  });
  root.append(
    svg("text", { class: "name", x: 1, y: height - 6 }, forwardMeans),
    svg(
      "text",
      { class: "name back", x: 10 + forwardMeans.length * CHARACTER, y: height - 6 },
      `← ${backMeans}`,
    ),
  );
  return {
    plates(said) {
      moving.forEach(({ forward, back }, index) => {
        const [out, returned] = said(index);
        forward.textContent = cut(out, most);
        back.textContent = returned && cut(`← ${returned}`, most);
      });
    },
    links(said) {
      if (!labelled) slopes.append(...along);
      labelled = true;
      along.forEach((text, index) => (text.textContent = said(index)));
    },
  };
}

type Ends = readonly [startX: number, startY: number, endX: number, endY: number];

/** Room for words on a link, where it ends: of several one above the other, as they come in. */
function beside([, , endX, endY]: Ends, gap: number, place: number, of: number): SVGTextElement {
  const y = of === 1 ? endY - 4 : endY + 4 + (place - (of - 1) / 2) * LINE;
  return svg("text", {
    class: "slope halo",
    x: px(endX - gap / 2),
    y: px(y),
    "text-anchor": "middle",
  });
}

function link([startX, startY, endX, endY]: Ends): SVGElement {
  const bend = (endX - startX) / 2;
  return svg("path", {
    class: "link",
    d:
      `M${px(startX)},${px(startY)}C${px(startX + bend)},${px(startY)} ` +
      `${px(endX - bend)},${px(endY)} ${px(endX)},${px(endY)}`,
  });
}

/** A plate with its name, and room for what came out of it and what goes back to it. */
function plateOf({ text, weight }: NodeData, wide: number, most: number) {
  const forward = svg("text", { class: "value", x: 6, y: 27 });
  const back = svg("text", { class: "value back", x: 6, y: 41 });
  const plate = svg(
    "g",
    {},
    svg("title", {}, cut(text, 200)),
    svg("rect", {
      class: weight === null ? "plate" : "plate of-weight",
      width: wide,
      height: TALL,
      rx: 3,
    }),
    svg("text", { class: "name strong", x: 6, y: 13 }, cut(text, most)),
    forward,
    back,
  );
  if (weight !== null) {
    plate.append(svg("path", { class: `swatch w${weight % 7}`, d: `M0,3v${TALL - 6}` }));
  }
  return { plate, forward, back };
}

/** A column by the longest way to the loss, a row so that no two plates of a column meet. */
function arranged(nodes: NodeData[]): Map<number, { column: number; row: number }> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const inputs = (id: number): number[] =>
    (byId.get(id)?.inputs ?? []).filter((input) => byId.has(input));
  const used = new Set(nodes.flatMap(({ inputs: given }) => given));
  const away = new Map<number, number>();
  // Inputs come before their users in a formula, but nothing here relies on it.
  const walk = (id: number, distance: number): void => {
    if (distance > nodes.length || (away.get(id) ?? -1) >= distance) return;
    away.set(id, distance);
    inputs(id).forEach((input) => walk(input, distance + 1));
  };
  const ends = nodes.filter(({ id }) => !used.has(id));
  ends.forEach(({ id }) => walk(id, 0));
  const deepest = Math.max(0, ...away.values());

  const rows = new Map<number, number>();
  let free = 0;
  const settle = (id: number): number => {
    const known = rows.get(id);
    if (known !== undefined) return known;
    rows.set(id, free);
    const below = inputs(id).map(settle);
    const row = below.length ? below.reduce((sum, one) => sum + one, 0) / below.length : free++;
    rows.set(id, row);
    return row;
  };
  ends.forEach(({ id }) => settle(id));

  const lowest = new Map<number, number>();
  const placed = new Map<number, { column: number; row: number }>();
  for (const [id, row] of [...rows].sort((a, b) => a[1] - b[1])) {
    const column = deepest - (away.get(id) ?? 0);
    const at = Math.max(row, (lowest.get(column) ?? -1) + 1);
    lowest.set(column, at);
    placed.set(id, { column, row: at });
  }
  return placed;
}
