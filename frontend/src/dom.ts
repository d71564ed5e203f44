// Elements by name. Text is only ever set as text: nothing from outside is read as markup or style.

type Attributes = Record<string, string | number | boolean | null>;
type Child = Node | string;

const SVG = "http://www.w3.org/2000/svg";

function filled<E extends Element>(element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children);
  return element;
}

export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

const BREAKS = /([−-]?[\d.,]+(?:e-\d+(?: %)?| %))/;

/** A sentence in which no line ends inside of a number such as 5e-05 or 1 %. */
export function unbroken(text: string): Child[] {
  return text
    .split(BREAKS)
    .map((part, place) => (place % 2 ? html("span", { class: "unbroken" }, part) : part));
}

/** What scrolls is reached by the keyboard; what does not is no stop on its way. */
export function reachable(element: HTMLElement): void {
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}

/** A button that shows an icon, drawn as a path in a box of 16 by 16, and says `name`. */
export function iconButton(name: string, icon: string, press: () => void): HTMLButtonElement {
  const picture = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
  picture.append(svg("path", { d: icon }));
  const button = html("button", { type: "button", "aria-label": name, title: name }, picture);
  button.addEventListener("click", press);
  return button;
}
