// The loss as a graph: values flow from left to right, partial derivatives back.

import type { BackwardData } from "../data";
import type { Draw } from "../frame";
import { drawGraph } from "../graph";
import { number } from "../words";

export const drawBackward: Draw<BackwardData> = (host, data, stage) => {
  const { value, adjoint } = data;
  const legend = ["value", "partial derivative of the loss"] as const;
  const say = drawGraph(host, data, stage, { what: "The backward pass", narrowest: 82 }, legend);
  return (frame) =>
    say((index) => [short(value[frame]?.[index] ?? NaN), short(adjoint[frame]?.[index] ?? NaN)]);
};

const short = (given: number): string => (Number.isNaN(given) ? "NaN" : number(given, 4));
