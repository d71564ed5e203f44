// Where the numbers come from of which a run, at a step, has one each.

import { count, cut, number, stepsOf } from "../../words";
import type { Plain } from "../asked";
import type { Judged } from "../contract";
import { equals, fraction, joined, written } from "../mathml";
import { OPTIMIZERS, PLAIN } from "../methods";
import { lengthPutIn, lossPutIn } from "../putin";
import { drawn, type Asked, type Source } from "./source";

export const SOURCES: Record<Plain, (run: Asked) => Source | null> = {
  loss,
  minimum,
  goal,
  rate,
  limit,
  largest: (run) => extreme(run, "largest"),
  smallest: (run) => extreme(run, "smallest"),
  condition,
  forecast,
  length,
};

/** Where the curvatures were measured. */
const endsOf = ({ curvature }: Judged["document"]): string =>
  curvature?.at === "minimum" ? "at the minimum" : "where the descent ended";

function loss(run: Asked): Source | null {
  const { scene, descent, judged, frame, step, lines } = run;
  const { document, equations } = judged;
  const data = scene.live.model?.rows;
  const loss = descent.loss[frame] ?? NaN;
  const put = lossPutIn(run, frame);
  return {
    title: `The loss at step ${step} is ${number(loss, 8)}`,
    says: data
      ? `A mean over ${count(data.of)} rows, of what the model says and what the data has.`
      : "The function itself, at the weights of this step.",
    equations: [
      ...drawn(equations?.loss, document.problem.loss ?? document.problem.formula),
      ...drawn(put, `with numbers, ${number(loss, 7)}`),
    ],
    torch: lines("predict", "loss"),
  };
}

function minimum({ scene, judged }: Asked): Source | null {
  const { minimum } = judged.document;
  if (!minimum) return null;
  const open = scene.live.minimum?.undetermined ?? [];
  const all = Object.entries(scene.live.minimum?.weights ?? {});
  const at = all.filter(([name]) => !open.includes(name)).slice(0, 6);
  const where = at.map(([name, value]) => `${cut(name, 16)} = ${number(value, 5)}`).join(", ");
  return {
    title: `The lowest loss that is known is ${number(minimum.loss, 8)}`,
    says: `Not by this descent, but by ${minimum.found_by}.${where ? ` There ${where}.` : ""}${undecided(open)}`,
    equations: [],
    torch: [],
  };
}

const undecided = (names: string[]): string =>
  names.length
    ? ` Of ${names.map((name) => cut(name, 16)).join(", ")} other values reach it as well.`
    : "";

function goal({ scene, judged }: Asked): Source | null {
  const { minimum } = judged.document;
  const goal = scene.live.goal ?? NaN;
  const least = minimum?.loss ?? NaN;
  const isShare = Math.abs(goal - least - 0.01 * Math.abs(least)) <= 1e-9 * Math.abs(goal);
  return {
    title: `The goal is a loss of ${number(goal, 8)}`,
    says: isShare
      ? "Within 1 % of the minimum."
      : "Within 1 % of the minimum would be no distance at all here, so it is a small share of where one begins.",
    equations: isShare
      ? drawn(
          joined(`<mn>1.01</mn><mo>⋅</mo>${written(least, 6)}`, equals(goal)),
          `1.01 times ${number(least)}`,
        )
      : [],
    torch: [],
  };
}

function rate({ descent, judged, lines }: Asked): Source | null {
  const { document } = judged;
  return {
    title: `The learning rate is ${number(descent.lr, 8)}`,
    says:
      document.descent.lr_chosen === "auto"
        ? "It was chosen by trying, beginning with the stability limit."
        : "It was chosen by hand: with the slider, in the address or by a remedy.",
    equations: [],
    torch: lines("initialize").filter((line) => line.startsWith("lr = ")),
  };
}

function limit({ judged }: Asked): Source | null {
  const { document } = judged;
  const { curvature, stability_limit: limit } = document;
  const lambda = curvature?.largest ?? NaN;
  const ends = endsOf(document);
  const { optimizer, momentum } = document.descent;
  const rule = stable(optimizer, momentum ?? 0);
  if (limit === null) return null;
  if (!rule || curvature?.largest == null) {
    return {
      title: `Stable up to a learning rate of ${number(limit, 6)}`,
      says:
        `From the largest curvature ${ends}, as ${optimizer} sees it: ` +
        "it divides each weight by the size of its own gradients.",
      equations: [],
      torch: [],
    };
  }
  return {
    title: `Stable up to a learning rate of ${number(limit, 6)}`,
    says:
      `Above it a step along the largest curvature λ leads farther out than it began. ` +
      `λ was measured ${ends}.`,
    equations: drawn(
      joined(
        fraction(`<mtext>${rule[0]}</mtext>`, "<mi>λ</mi>"),
        "<mo>=</mo>",
        fraction(`<mn>${number(rule[1], 6)}</mn>`, written(lambda, 6)),
        equals(limit),
      ),
      `${rule[0]} over ${number(lambda)}`,
    ),
    torch: hessian(judged, `print(${rule[1]} / curvatures.max().item())`),
  };
}

function extreme({ judged }: Asked, which: "largest" | "smallest"): Source | null {
  const { document } = judged;
  const { curvature } = document;
  const ends = endsOf(document);
  const value = curvature?.[which] ?? NaN;
  const [words, pick] = which === "largest" ? ["largest", "max"] : ["smallest", "min"];
  return {
    title: `The ${words} curvature is ${number(value, 8)}`,
    says:
      `The ${words} eigenvalue of the Hessian ${ends}` +
      (curvature?.residual == null
        ? "."
        : `, with a residual of ${number(curvature.residual, 2)}.`),
    equations: [],
    torch: hessian(judged, `print(curvatures.${pick}().item())`),
  };
}

function condition({ judged }: Asked): Source | null {
  const { document } = judged;
  const { curvature } = document;
  const ends = endsOf(document);
  const [high, low] = [curvature?.largest ?? NaN, curvature?.smallest ?? NaN];
  const value = curvature?.condition ?? NaN;
  return {
    title: `The condition number is ${number(value, 8)}`,
    says: `The largest curvature over the smallest, ${ends}: so far apart are the learning rates that they want.`,
    equations: drawn(
      joined(fraction(written(high, 6), written(low, 6)), equals(value)),
      `${number(high)} over ${number(low)}`,
    ),
    torch: hessian(judged, "print((curvatures.max() / curvatures.min()).item())"),
  };
}

function forecast({ descent, judged }: Asked): Source | null {
  const { document } = judged;
  const { curvature, forecast } = document;
  if (!forecast || forecast.steps === null) return null;
  const low = curvature?.smallest;
  const slow =
    document.descent.optimizer === PLAIN && low != null && document.problem.linear_in_weights;
  const kept = 1 - descent.lr * (low ?? NaN);
  return {
    title: `${stepsOf(forecast.steps)} to ${forecast.to}`,
    says:
      `This is ${forecast.basis}.` +
      (slow ? " Each step leaves of the distance along the smallest curvature:" : ""),
    equations: slow
      ? drawn(
          joined(
            `<mn>1</mn><mo>−</mo>${written(descent.lr)}<mo>⋅</mo>${written(low, 5)}`,
            equals(kept, 10),
          ),
          `1 minus ${number(descent.lr)} times ${number(low)}`,
        )
      : [],
    torch: [],
  };
}

function length({ descent, frame, step, lines }: Asked): Source | null {
  const slope = descent.gradient?.[frame] ?? [];
  const value = Math.hypot(...slope);
  return {
    title: `The gradient at step ${step} has the length ${number(value, 6)}`,
    says: "It is zero at a minimum; the root of the sum of its squared entries.",
    equations: drawn(lengthPutIn(slope), `the length of ${slope.length} partial derivatives`),
    torch: lines("predict", "loss", "gradient", "length", "reset"),
  };
}

/** (a + b·β)/(c + d·β) in words and as a number; null for an optimizer that has none of its own. */
function stable(optimizer: string, beta: number): [words: string, factor: number] | null {
  const known = Object.hasOwn(OPTIMIZERS, optimizer) ? OPTIMIZERS[optimizer]! : null;
  if (!known?.factor || known.adaptive) return null;
  const [[a, b], [c, d]] = known.factor;
  const words = ([constant, share]: [number, number]): string =>
    share === 0
      ? number(constant)
      : share === constant
        ? `${number(constant)}(1 + ${number(beta)})`
        : `(${number(constant)} + ${number(share)}·${number(beta)})`;
  const under = c === 1 && d === 0 ? "" : ` / ${words([c, d])}`;
  return [`${words([a, b])}${under}`, (a + b * beta) / (c + d * beta)];
}

/** The run's own loss, and its curvatures where the weights stand. */
function hessian({ torch }: Judged, print: string): string[] {
  const { initialize, predict, loss } = torch;
  if (!initialize || !predict || !loss) return [];
  const moved = initialize.some((line) => line.startsWith("counts")) ? "counts" : "weights";
  const body = [...predict, ...loss].filter((line) => !line.startsWith("print("));
  return [
    `def loss_of(${moved}):`,
    ...body.map((line) => `    ${line}`),
    "    return loss",
    "",
    `found = torch.autograd.functional.hessian(loss_of, ${moved}.detach())`,
    "curvatures = torch.linalg.eigvalsh(found)",
    print,
  ];
}
