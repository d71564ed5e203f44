// An equation that Python wrote as MathML, copied element by element: only what is known comes in.

const SPACE = "http://www.w3.org/1998/Math/MathML";
const KNOWN = new Set(
  "math mrow mi mn mo msup msub mfrac msqrt mtable mtr mtd mtext msubsup munder mover mspace".split(
    " ",
  ),
);

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

function parsed(mathml: string): Element | null {
  const inside = mathml.replace(/^<math[^>]*>/, "").replace(/<\/math>$/, "");
  const read = new DOMParser().parseFromString(
    `<math xmlns="${SPACE}">${inside}</math>`,
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
