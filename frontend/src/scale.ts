// Numbers to pixels, and the numbers that stand at an axis.

import { scaleLinear, scaleLog, scaleSymlog } from "d3-scale";
import type { AxisData } from "./data";
import { number } from "./words";

export interface Scale {
  /** Pixels; NaN where the axis has no such place. Infinities lie far off. */
  (value: number): number;
  kind: AxisData["scale"];
  domain: [number, number];
  invert: (pixel: number) => number;
  ticks: (most: number) => Tick[];
}

export interface Tick {
  value: number;
  label: string;
}

const LARGEST = 1e300;
const FAR = 1e6;

/** The range of what can stand on such an axis, or null. */
export function extent(
  kind: AxisData["scale"],
  ...groups: Iterable<number | null | undefined>[]
): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const group of groups) {
    for (const value of group) {
      if (value == null || !Number.isFinite(value) || (kind === "log" && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : [Math.max(low, -LARGEST), Math.min(high, LARGEST)];
}

/** `found` with room at both ends, which is a share of its length as it will be seen. */
export function roomy(
  kind: AxisData["scale"],
  found: [number, number] | null,
  share = 0.05,
): [number, number] {
  if (found === null) return kind === "log" ? [1, 10] : [0, 1];
  let [low, high] = found;
  if (kind === "log") {
    const room = Math.max(Math.log10(high / low) * share, low === high ? 0.3 : 0);
    return [Math.max(low / 10 ** room, 1e-308), Math.min(high * 10 ** room, 1e308)];
  }
  if (kind === "symlog") return [low, low === high ? high + 1 : high];
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    return [low - room, high + room];
  }
  const room = (high - low) * share;
  [low, high] = [low - room, high + room];
  return [low, high];
}

export function scale(
  kind: AxisData["scale"],
  domain: [number, number],
  range: [number, number],
): Scale {
  const made = kind === "log" ? scaleLog() : kind === "symlog" ? scaleSymlog() : scaleLinear();
  const inner = made.domain(domain).range(range);
  const up = Math.sign(range[1] - range[0]) || 1;
  const place = (value: number): number => {
    if (Number.isNaN(value)) return NaN;
    if (!Number.isFinite(value)) return value > 0 ? up * FAR : -up * FAR;
    if (kind === "log" && value <= 0) return value === 0 ? -up * FAR : NaN;
    return inner(value);
  };
  return Object.assign(place, {
    kind,
    domain,
    invert: (pixel: number) => inner.invert(pixel),
    ticks: (most: number) => labelled(values(kind, domain, most)),
  });
}

function values(kind: AxisData["scale"], domain: [number, number], most: number): number[] {
  const [low, high] = domain;
  if (kind === "linear") return scaleLinear().domain(domain).ticks(most);
  if (kind === "log") return logarithmic(low, high, most);
  // Zero and what lies below it are mirrored: the axis is straight at zero, logarithmic far out.
  const reach = Math.max(Math.abs(low), Math.abs(high));
  if (reach <= 4) return scaleLinear().domain(domain).ticks(most);
  const sides = low < 0 && high > 0 ? 2 : 1;
  const positive = logarithmic(1, reach, Math.max(2, (most - 1) / sides));
  return [...positive.map((value) => -value).reverse(), 0, ...positive].filter(
    (value) => value >= low && value <= high,
  );
}

function logarithmic(low: number, high: number, most: number): number[] {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  const decades = last - first;
  if (decades < 0.7) {
    return scaleLinear().domain([low, high]).ticks(Math.min(most, 4));
  }
  const every = Math.ceil(decades / most);
  const mantissas = decades * 3 <= most ? [1, 2, 5] : decades * 2 <= most ? [1, 3] : [1];
  const found: number[] = [];
  for (let power = Math.floor(first); power <= last; power += 1) {
    if (power % every !== 0) continue;
    for (const mantissa of mantissas) {
      const value = Number(`${mantissa}e${power}`);
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/** Where one label needs an exponent, all large and small ones have it. */
function labelled(found: number[]): Tick[] {
  const labels = found.map((value) => number(value, 12));
  const short = labels.some((label) => label.includes("e"));
  return found.map((value, index) => {
    const size = Math.abs(value);
    const plain = !short || value === 0 || (size > 1e-3 && size < 1e4);
    return { value, label: plain ? labels[index]! : exponential(value) };
  });
}

const exponential = (value: number): string =>
  value.toExponential().replace("e+", "e").replaceAll("-", "−");
