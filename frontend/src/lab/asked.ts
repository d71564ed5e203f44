// Numbers that can be asked where they come from: a button that says its question to the page.

import { html } from "../dom";

export type Question = (
  | { about: "weight" | "partial" | "move"; weight: string }
  | { about: "prediction" | "residual"; place: number }
  | { about: "evidence"; code: string; name: string; value: number }
  | { about: Plain }
) & {
  /** Where the descent began or ended; else where the cursor is. */
  at?: "start" | "end";
};

/** What there is one of in a run, at a step. */
export type Plain =
  | "loss"
  | "minimum"
  | "goal"
  | "rate"
  | "limit"
  | "largest"
  | "smallest"
  | "condition"
  | "forecast"
  | "length";

const ASK = "steepest-ask";

/** A number that is asked by a click or by Enter. */
export function askable(question: Question, text = ""): HTMLButtonElement {
  const title = "Where this number comes from";
  const button = html("button", { type: "button", class: "number", title }, text);
  button.addEventListener("click", () =>
    button.dispatchEvent(new CustomEvent(ASK, { bubbles: true, detail: question })),
  );
  return button;
}

export function onAsk(
  root: HTMLElement,
  heard: (question: Question, from: HTMLElement) => void,
): void {
  root.addEventListener(ASK, (event) => {
    const { detail } = event as CustomEvent<Question>;
    if (event.target instanceof HTMLElement) heard(detail, event.target);
  });
}

/** A number that is known, and what it is. */
export interface Quantity {
  value: number;
  question: Question;
}

const NUMBER = /[−-]?\d[\d,]*(?:\.\d+)?(?:e[−+-]?\d+)?/g;
const LEAST = 3; // digits from which on a number says by itself which one it is

/** Makes every number in an element's text that is one of these askable. */
export function askIn(element: HTMLElement, quantities: Quantity[]): void {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const text of texts) {
    if (!text.parentElement?.closest("button, code")) markIn(text, quantities);
  }
}

function markIn(text: Text, quantities: Quantity[]): void {
  const said = text.data;
  const parts: Node[] = [];
  let done = 0;
  for (const { 0: token, index } of said.matchAll(NUMBER)) {
    const word = /[\p{L}_]$/u.test(said.slice(0, index)); // the digits of a name, such as x1
    const found = word ? null : meant(token, quantities);
    if (!found) continue;
    parts.push(document.createTextNode(said.slice(done, index)), askable(found.question, token));
    done = index + token.length;
  }
  if (parts.length) text.replaceWith(...parts, said.slice(done));
}

/** The quantity that is this number, as far as it is written out. */
function meant(token: string, quantities: Quantity[]): Quantity | null {
  const [mantissa, exponent] = token.replaceAll(",", "").replaceAll("−", "-").split("e");
  const digits = mantissa!.replace(/[^\d]/g, "").replace(/^0+/, "").length;
  if (digits < LEAST && exponent === undefined) return null;
  const decimals = mantissa!.split(".")[1]?.length ?? 0;
  const power = 10 ** Number(exponent ?? 0);
  const value = Number(mantissa) * power;
  const apart = 0.5000001 * 10 ** -decimals * power;
  return quantities.find((known) => Math.abs(known.value - value) <= apart) ?? null;
}
