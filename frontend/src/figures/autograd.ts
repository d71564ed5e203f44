// A PyTorch loss as a graph: each operation with what came out of it, and its adjoint.

import type { AutogradData } from "../data";
import type { Draw } from "../frame";
import { drawGraph } from "../graph";

export const drawAutograd: Draw<AutogradData> = (host, data, stage) => {
  const { nodes, adjoints } = data;
  const back = adjoints ? "derivative of the loss by it" : "not measured";
  const looks = { what: "The graph of the loss", narrowest: 150, gap: 16 };
  const { plates } = drawGraph(host, data, stage, looks, ["shape: value", back]);
  plates((index) => [nodes[index]!.forward, nodes[index]!.back]);
  return () => undefined;
};
