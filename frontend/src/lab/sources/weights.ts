// Where a weight, its partial derivative and its next move come from.

import { count, cut, number, stepsOf } from "../../words";
import { equals, joined, written } from "../mathml";
import { partialPutIn, weightPutIn } from "../putin";
import { drawn, type Asked, type Source } from "./source";

const STEP = ["predict", "loss", "gradient", "step"];

interface Held {
  weight: string;
  name: string;
  index: number;
  slope: number;
}

export function sourceOfWeight(
  about: "weight" | "partial" | "move",
  weight: string,
  run: Asked,
): Source {
  const { scene, descent, frame } = run;
  const index = scene.live.weights.indexOf(weight);
  const slope = descent.gradient?.[frame]?.[index] ?? NaN;
  const held = { weight, name: cut(weight, 24), index, slope };
  return { weight: value, move, partial }[about](run, held);
}

function value(run: Asked, { weight, name, index }: Held): Source {
  const { descent, judged, frame, step, lines } = run;
  const { document } = judged;
  const value = descent.values[frame]?.[index] ?? NaN;
  const came = weightPutIn(run, frame, weight);
  const says =
    frame === 0
      ? `The descent starts here.`
      : came
        ? `Where it was a step before, minus the learning rate times the partial derivative there.`
        : `${stepsOf(descent.frames[frame] ?? 0)} of ${document.descent.optimizer} led here from ` +
          `${number(descent.values[0]?.[index] ?? NaN, 6)}.`;
  return {
    title: `${name} at step ${step} is ${number(value, 7)}`,
    says,
    equations: drawn(came, says),
    torch: lines(...(frame === 0 ? ["initialize"] : STEP)),
  };
}

function move({ descent, frame, lines }: Asked, { name, slope }: Held): Source {
  const moved = -descent.lr * slope;
  return {
    title: `Step ${count((descent.frames[frame] ?? 0) + 1)} moves ${name} by ${number(moved, 5)}`,
    says: "Minus the learning rate times the partial derivative.",
    equations: drawn(
      joined(`<mo>−</mo>${written(descent.lr)}<mo>⋅</mo>${written(slope, 5)}`, equals(moved)),
      `minus ${number(descent.lr)} times ${number(slope)} is ${number(moved)}`,
    ),
    torch: lines(...STEP),
  };
}

function partial(run: Asked, { weight, name, slope }: Held): Source {
  const { judged, frame, step, lines } = run;
  const { document, equations } = judged;
  const text = document.weights[weight]?.partial ?? null;
  const put = partialPutIn(run, frame, weight);
  const pulls = put && put.row !== null ? ` Row ${put.row} pulls hardest; it adds` : "";
  return {
    title: `∂loss/∂${name} at step ${step} is ${number(slope, 6)}`,
    says:
      `Raising ${name} by a little changes the loss by ${number(slope, 4)} times as much.` +
      `${pulls}${pulls ? ":" : ""}`,
    equations: [
      ...drawn(equations?.partials[weight], text ?? ""),
      ...drawn(put?.mathml, `with numbers, ${number(slope, 5)}`),
    ],
    torch: lines("predict", "loss", "gradient", "reset"),
  };
}
