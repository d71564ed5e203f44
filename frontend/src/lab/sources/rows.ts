// Where the prediction for a row, and its residual, come from.

import { number } from "../../words";
import { equals, joined, result, written } from "../mathml";
import { predictionOf } from "../putin";
import { drawn, type Asked, type Source } from "./source";

export function sourceOfRow(
  about: "prediction" | "residual",
  place: number,
  run: Asked,
): Source | null {
  const { scene, descent, judged, frame, step, lines } = run;
  const { document } = judged;
  const data = scene.live.model?.rows;
  const row = data?.number[place];
  const target = data?.target[place] ?? NaN;
  const said = scene.model?.atRows(descent.values[frame] ?? [])[place] ?? NaN;
  if (row === undefined) return null;
  const isResidual = about === "residual";
  return {
    title: isResidual
      ? `The residual of row ${row} at step ${step} is ${number(target - said, 5)}`
      : `The prediction for row ${row} at step ${step} is ${number(said, 6)}`,
    says: isResidual
      ? "What the data has, minus what the model says."
      : "The model, with the weights of this step and the columns of this row.",
    equations: isResidual
      ? drawn(
          joined(`${result(target)}<mo>−</mo>${written(said, 6)}`, equals(target - said)),
          `${number(target)} minus ${number(said)}`,
        )
      : drawn(predictionOf(run, frame, place), document.problem.formula),
    torch: lines("predict"),
  };
}
