// Equations. One that Python wrote as MathML is copied element by element: only what is known comes in.

import { number } from "../words";

const SPACE = "http://www.w3.org/1998/Math/MathML";
const KNOWN = new Set(
  "math mrow mi mn mo msup msub mfrac msqrt mtable mtr mtd mtext msubsup munder mover mspace".split(
    " ",
  ),
);
const LATER = "(?!<mo>\u2061)"; // what is applied is a function, and no name

/** Names as they are drawn, each with the number that comes in its place. */
export type Values = [drawn: string, value: number][];

/** The equation, or the text in a code's face where there is none to draw. */
export function equation(mathml: string | null | undefined, text: string): Element {
  const written = mathml ? parsed(mathml) : null;
  if (!written) {
    const code = document.createElement("code");
    code.textContent = text;
    return code;
  }
  const math = document.createElementNS(SPACE, "math");
  math.setAttribute("aria-label", text);
  copy(written, math);
  return math;
}

/** The same with numbers in the place of names. */
export function putIn(mathml: string, values: Values): string {
  const places = new Map(values);
  const drawn = [...places.keys()].filter(Boolean).sort((a, b) => b.length - a.length);
  if (!drawn.length) return inside(mathml);
  const any = new RegExp(
    drawn.map((one) => `${one.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}${LATER}`).join("|"),
    "g",
  );
  return inside(mathml).replace(any, (found) => written(places.get(found)!));
}

/** A number among others; one with a sign or an exponent stands in parentheses. */
export function written(value: number, digits = 4): string {
  const all = result(value, digits);
  return /<mo>|−\d/.test(all) ? `<mrow><mo>(</mo>${all}<mo>)</mo></mrow>` : all;
}

/** A number that stands alone. */
export function result(value: number, digits = 6): string {
  const [, sign, mantissa, exponent] = /^(−?)([^e]*)(?:e(.*))?$/.exec(number(value, digits))!;
  const power = exponent
    ? `<mo>×</mo><msup><mn>10</mn><mn>${exponent.replace("+", "")}</mn></msup>`
    : "";
  return `<mn>${sign}${mantissa}</mn>${power}`;
}

/** What an equation comes to. */
export const equals = (value: number, digits = 6): string => `<mo>=</mo>${result(value, digits)}`;

/** An equation of pieces that are MathML already. */
export const joined = (...pieces: string[]): string => `<math>${pieces.join("")}</math>`;

export const fraction = (above: string, below: string): string =>
  `<mfrac><mrow>${above}</mrow><mrow>${below}</mrow></mfrac>`;

export const inside = (mathml: string): string =>
  mathml.replace(/^<math[^>]*>/, "").replace(/<\/math>$/, "");

function parsed(mathml: string): Element | null {
  const read = new DOMParser().parseFromString(
    `<math xmlns="${SPACE}">${inside(mathml)}</math>`,
    "application/xml",
  );
  return read.querySelector("parsererror") ? null : read.documentElement;
}

function copy(from: Element, into: Element): void {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) into.append(child.textContent ?? "");
    if (!(child instanceof Element) || child.namespaceURI !== SPACE) continue;
    if (!KNOWN.has(child.localName)) continue;
    const made = document.createElementNS(SPACE, child.localName);
    if (child.getAttribute("mathvariant") === "normal") made.setAttribute("mathvariant", "normal");
    copy(child, made);
    into.append(made);
  }
}
