// Colours as numbers, for what is painted dot by dot: the style sheet names them.

import { html } from "./dom";

export function colours(host: HTMLElement, names: string[]): number[][] {
  const probe = html("span");
  host.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name})`;
    return (getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["0", "0", "0"])
      .slice(0, 3)
      .map(Number);
  });
  probe.remove();
  return found;
}

export const mixed = (low: number[], high: number[], share: number): string =>
  `rgb(${low.map((part, index) => Math.round(part + (high[index]! - part) * share)).join(",")})`;
