// A document for an engine that has none: as much of one as drawing a figure asks for.

import { pngOf } from "./png";

const own = Symbol("attributes");

export class Part {
  readonly children: (Part | string)[] = [];
  readonly [own] = new Map<string, string>();
  readonly style: Record<string, string> = {};
  readonly dataset: Record<string, string> = {};
  readonly classList = {
    add: (name: string) => this.setAttribute("class", `${this.className} ${name}`.trim()),
  };
  parentElement: Part | null = null;
  /** Of a canvas: what was painted on it, red, green and blue of each dot. */
  dots: Uint8Array | null = null;

  constructor(readonly tagName: string) {}

  get attributes(): ReadonlyMap<string, string> {
    return this[own];
  }
  get className(): string {
    return this.getAttribute("class") ?? "";
  }
  get parts(): Part[] {
    return this.children.filter((child) => child instanceof Part);
  }
  get textContent(): string {
    return this.children
      .map((child) => (child instanceof Part ? child.textContent : child))
      .join("");
  }
  set textContent(text: string) {
    this.replaceChildren(text);
  }
  setAttribute(name: string, value: string): void {
    this[own].set(name, value);
  }
  getAttribute(name: string): string | null {
    return this[own].get(name) ?? null;
  }
  removeAttribute(name: string): void {
    this[own].delete(name);
  }
  append(...children: (Part | string)[]): void {
    for (const child of children) {
      if (child instanceof Part) child.parentElement = this;
      this.children.push(child);
    }
  }
  replaceChildren(...children: (Part | string)[]): void {
    this.children.length = 0;
    this.append(...children);
  }
  remove(): void {
    const around = this.parentElement?.children ?? [];
    around.splice(around.indexOf(this), 1);
  }
  /** No figure has anything beside its drawing. */
  querySelector(): null {
    return null;
  }
  /** Nothing happens to a picture that stands still. */
  addEventListener(): void {}

  /** The pen of a canvas, which paints single dots. */
  getContext(): object {
    const [width, height] = ["width", "height"].map((side) => Number(this.getAttribute(side)));
    const dots = (this.dots ??= new Uint8Array(3 * width! * height!));
    let colour: number[] = [];
    return {
      set fillStyle(style: string) {
        colour = (style.match(/[\d.]+/g) ?? []).map(Number);
      },
      fillRect: (x: number, y: number) => dots.set(colour, 3 * (y * width! + x)),
    };
  }
  /** What was painted, as the address of an image. */
  get address(): string {
    const [width, height] = ["width", "height"].map((side) => Number(this.getAttribute(side)));
    return this.dots ? pngOf(width!, height!, this.dots) : "";
  }
}
