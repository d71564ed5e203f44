// Colours of a heat map: from dark to bright for sizes, from blue to ochre for what has a middle.

// Cividis, which looks the same to whoever sees no red or green.
const SIZES = (
  "#00224e #002e6c #1e3a6f #35456c #47516c #575d6d #666970 #757575 #848279 #948e77 #a59c74 " +
  "#b7a96e #c8b866 #dbc75a #eed649 #fee838"
).split(" ");
const TURNS = [
  ["#0072b2", "#3f97c9"],
  ["#4093c4", "#3a7fa8"],
  ["#7fb3d5", "#376885"],
  ["#b7cfde", "#364f60"],
  ["#dcdcdc", "#3a3d41"],
  ["#e6d3ab", "#5b4d34"],
  ["#e3bf74", "#83672f"],
  ["#d0993e", "#ad832f"],
  ["#b5700a", "#e69f00"],
].map(([light, dark]) => `light-dark(${light}, ${dark})`);

export interface Heat {
  colours: string[];
  /** The place of a number among the colours; null where it is zero, and has none. */
  level: (value: number) => number | null;
}

export function heat(scale: "linear" | "log", low: number, high: number): Heat {
  const colours = scale === "log" ? SIZES : TURNS;
  const share = (value: number): number =>
    scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return {
    colours,
    level(value) {
      if (scale === "log" && value <= 0) return null;
      const place = Math.floor(share(value) * colours.length);
      return Math.min(colours.length - 1, Math.max(0, place || 0));
    },
  };
}
