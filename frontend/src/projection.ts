// A box seen from the side: parallel rays, turned about the upright axis and tilted.

export interface View {
  turn: number;
  tilt: number;
}

export interface Projected {
  x: number;
  y: number;
  depth: number;
}

export type Projection = (x: number, y: number, z: number) => Projected;

const TALL = 0.8; // of a side, the box's height

/** Each coordinate runs from -1 to 1; the box fills a picture of `width` by `height`. */
export function projection({ turn, tilt }: View, width: number, height: number): Projection {
  const [cosTurn, sinTurn] = [Math.cos(turn), Math.sin(turn)];
  const [cosTilt, sinTilt] = [Math.cos(tilt), Math.sin(tilt)];
  // The corners farthest out decide the size, whichever way the box is turned.
  const size = Math.min(width / 2.9, height / (2 * (1.42 * sinTilt + TALL * cosTilt) + 0.15));
  return (x, y, z) => {
    const along = x * cosTurn - y * sinTurn;
    const away = x * sinTurn + y * cosTurn;
    const up = z * TALL;
    return {
      x: width / 2 + along * size,
      y: height / 2 - (away * sinTilt + up * cosTilt) * size,
      depth: away * cosTilt - up * sinTilt,
    };
  };
}
