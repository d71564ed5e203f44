// The quick view of a problem: descents at many learning rates, before one of them is judged.

import { readLive, type Live, type Problem } from "./contract";
import { windowOn } from "./planes";
import { post } from "./server";

/** Asks for it, over the plane that was chosen where there is one. */
export async function quickView(
  problem: Problem,
  pair: [string, string] | null,
  signal?: AbortSignal,
): Promise<Live> {
  const live = readLive(await post("/api/live", problem, signal));
  if (!pair || !live.contour || String(pair) === String(live.contour.weights)) return live;
  const plane = windowOn(live, pair);
  if (!plane) return live;
  return readLive(await post("/api/live", { ...problem, plane, again: true }, signal), live);
}
