// The kit's style sheet applied to a drawing, so that no reader of the file needs to know CSS.

import sheet from "../steepest.css";
import type { Part } from "./document";

export type Theme = "light" | "dark";

interface Compound {
  tag: string;
  classes: string[];
}

interface Rule {
  /** From the outermost compound to the element's own. */
  path: Compound[];
  /** By how much a selector says, and then by their place, rules go before others. */
  weight: number;
  declared: [name: string, value: string][];
}

/** What an SVG has as attributes; layout and motion are the page's. */
const DRAWN = new Set(
  (
    "fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-linecap " +
    "stroke-linejoin paint-order font-size font-weight font-family"
  ).split(" "),
);
const MEDIA = /@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g;
const RULE = /([^{}]+)\{([^{}]*)\}/g;
const SIMPLE = /^[\w-]*(\.[\w-]+)*$/;

/** The rules by the tag or the class that their last compound begins with. */
const RULES = new Map<string, Rule[]>();
[...sheet.replace(MEDIA, "").matchAll(RULE)]
  .flatMap(([, selectors, body]) => selectors!.split(",").map((selector) => [selector, body!]))
  .forEach(([selector, body], order) => {
    const compounds = selector!.trim().split(/\s+/);
    const declared = declarations(body!);
    // A selector that asks for more than tags and classes is the page's.
    if (!declared.length || !compounds.every((compound) => SIMPLE.test(compound))) return;
    const path = compounds.map((compound): Compound => {
      const [tag, ...classes] = compound.split(".");
      return { tag: tag!, classes };
    });
    const said = path.reduce(
      (sum, { tag, classes }) => sum + 100 * classes.length + (tag ? 1 : 0),
      0,
    );
    const { tag, classes } = path.at(-1)!;
    const name = classes.length ? `.${classes[0]}` : tag;
    const weight = said + order / 1e4;
    RULES.set(name, [...(RULES.get(name) ?? []), { path, weight, declared }]);
  });

function declarations(body: string): Rule["declared"] {
  return body.split(";").flatMap((line): Rule["declared"] => {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    return name.startsWith("--") || DRAWN.has(name) ? [[name, value]] : [];
  });
}

let theme: Theme = "light";

export function dress(chosen: Theme): void {
  theme = chosen;
}

function matches(part: Part, { path }: Rule): boolean {
  const fits = (one: Part, { tag, classes }: Compound): boolean => {
    if (tag && tag !== one.tagName) return false;
    const known = one.className.split(" ");
    return classes.every((name) => known.includes(name));
  };
  let place = path.length - 1;
  if (!fits(part, path[place]!)) return false;
  for (let above = part.parentElement; above && place > 0; above = above.parentElement) {
    if (fits(above, path[place - 1]!)) place -= 1;
  }
  return place === 0;
}

const declared = new WeakMap<Part, Map<string, string>>();

function declaredOf(part: Part): Map<string, string> {
  const known = declared.get(part);
  if (known) return known;
  const names = [part.tagName, ...part.className.split(" ").map((name) => `.${name}`)];
  const rules = names.flatMap((name) => RULES.get(name) ?? []);
  const found = new Map<string, string>();
  for (const rule of rules.sort((a, b) => a.weight - b.weight)) {
    if (matches(part, rule)) for (const [name, value] of rule.declared) found.set(name, value);
  }
  declared.set(part, found);
  return found;
}

/** A value with its variables replaced and its colour of the theme chosen. */
function resolved(part: Part, value: string): string {
  const replaced = value.replace(
    /var\((--[\w-]+)(?:,\s*((?:[^()]|\([^()]*\))+))?\)/g,
    (_, name: string, otherwise: string | undefined) => {
      for (let one: Part | null = part; one; one = one.parentElement) {
        const found = declaredOf(one).get(name);
        if (found !== undefined) return resolved(one, found);
      }
      return resolved(part, otherwise ?? "none");
    },
  );
  return replaced
    .replace(/light-dark\(([^(),]+),([^(),]+)\)/g, (_, light: string, dark: string) =>
      (theme === "light" ? light : dark).trim(),
    )
    .replace(
      /color-mix\(in srgb,([^(),]+) ([\d.]+)%,([^(),]+)\)/g,
      (_, one: string, share: string, other: string) => mix(one, other, Number(share) / 100),
    );
}

function mix(one: string, other: string, share: number): string {
  const [from, to] = [parsed(one), parsed(other)];
  const parts = from.map((part, index) => Math.round(part * share + to[index]! * (1 - share)));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

const parsed = (colour: string): number[] => {
  const digits = colour.trim().slice(1);
  const wide = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  return [0, 2, 4].map((from) => parseInt(wide.slice(from, from + 2), 16));
};

/** The colour as browsers say it. */
export function coloured(part: Part, value: string): string {
  return `rgb(${parsed(resolved(part, value)).join(", ")})`;
}

/** What the sheet, and the element itself, say about how it is drawn. */
export function looks(part: Part): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of declaredOf(part)) {
    if (DRAWN.has(name)) found.set(name, resolved(part, value));
  }
  for (const [name, value] of Object.entries(part.style)) {
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (DRAWN.has(kebab)) found.set(kebab, resolved(part, value));
  }
  return found;
}

/** A value of the sheet at the root of a drawing. */
export const valueOf = resolved;
