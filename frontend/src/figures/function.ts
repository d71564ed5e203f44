// The loss of a single weight, all along.

import type { FunctionData } from "../data";
import type { Draw } from "../frame";
import { along } from "./slice";

export const drawFunction: Draw<FunctionData> = (host, data, stage) =>
  along(host, data, [data.losses], "weight w0", stage);
