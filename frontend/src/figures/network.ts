// The backward pass of a network: its layers, and beside each the tensors that it learns.

import type { NetworkData } from "../data";
import type { Draw } from "../frame";
import { drawGraph } from "../graph";

export const drawNetwork: Draw<NetworkData> = (host, data, stage) => {
  const looks = { what: "The layers of the network", narrowest: 150, gap: 16 };
  const means = ["shape: length", "length of the derivative of the loss by it"] as const;
  const { plates } = drawGraph(host, data, stage, looks, means);
  plates((index) => [data.nodes[index]!.forward, data.nodes[index]!.back]);
  return () => undefined;
};
