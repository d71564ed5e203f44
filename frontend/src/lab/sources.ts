// Where a number comes from: in words, as an equation with the numbers in it, and in PyTorch.

import { count, cut, number, stepsOf } from "../words";
import type { Question } from "./asked";
import { OPTIMIZERS, PLAIN } from "./methods";
import { equals, equation, fraction, joined, result, written } from "./mathml";
import type { Situation } from "./parts/part";
import { lengthPutIn, lossPutIn, partialPutIn, predictionOf, weightPutIn } from "./putin";

export interface Source {
  title: string;
  says: string;
  equations: Element[];
  /** Lines that print the number, or do what makes it. */
  torch: string[];
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

/** The answer to a question about a judged run, at a frame. */
export function sourceOf(question: Question, situation: Situation): Source | null {
  const { scene, descent, judged } = situation;
  const { document, equations, pytorch } = judged;
  const last = descent.frames.length - 1;
  const frame =
    question.at === "start" ? 0 : question.at === "end" ? last : Math.min(situation.frame, last);
  const run = { ...situation, frame };
  const step = count(descent.frames[frame] ?? 0);
  const lines = (pattern: RegExp): string[] =>
    (pytorch ?? "")
      .split("\n")
      .filter((line) => pattern.test(line))
      .map((line) => line.trim());
  const drawn = (mathml: string | null | undefined, text: string): Element[] =>
    mathml ? [equation(mathml, text)] : [];
  const data = scene.live.model?.rows;

  if ("weight" in question) {
    const { weight } = question;
    const index = scene.live.weights.indexOf(weight);
    const name = cut(weight, 24);
    const value = descent.values[frame]?.[index] ?? NaN;
    const slope = descent.gradient?.[frame]?.[index] ?? NaN;
    if (question.about === "weight") {
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
        torch: lines(frame === 0 ? /requires_grad_/ : STEP),
      };
    }
    if (question.about === "move") {
      const moved = -descent.lr * slope;
      return {
        title: `Step ${count((descent.frames[frame] ?? 0) + 1)} moves ${name} by ${number(moved, 5)}`,
        says: "Minus the learning rate times the partial derivative.",
        equations: drawn(
          joined(`<mo>−</mo>${written(descent.lr)}<mo>⋅</mo>${written(slope, 5)}`, equals(moved)),
          `minus ${number(descent.lr)} times ${number(slope)} is ${number(moved)}`,
        ),
        torch: lines(STEP),
      };
    }
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
      torch: [...lines(/^\s*loss = |loss_on\(rows\)|loss\.backward/), "print(weights.grad)"],
    };
  }
  if ("place" in question) {
    const row = data?.number[question.place];
    const target = data?.target[question.place] ?? NaN;
    const said = scene.model?.atRows(descent.values[frame] ?? [])[question.place] ?? NaN;
    if (row === undefined) return null;
    const isResidual = question.about === "residual";
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
        : drawn(predictionOf(run, frame, question.place), document.problem.formula),
      torch: lines(/^\s*prediction = /),
    };
  }
  if (question.about === "evidence") {
    return {
      title: `${question.name.replaceAll("_", " ")}: ${number(question.value, 8)}`,
      says:
        `This was measured for the check ${question.code}. How it judges, and from which source: ` +
        `steepest explain ${question.code}`,
      equations: [],
      torch: [],
    };
  }

  const { curvature, minimum, forecast, stability_limit: limit } = document;
  const lambda = curvature?.largest ?? NaN;
  const ends = curvature?.at === "minimum" ? "at the minimum" : "where the descent ended";
  switch (question.about) {
    case "loss": {
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
        torch: lines(/^\s*prediction = |^\s*loss = /),
      };
    }
    case "minimum": {
      if (!minimum) return null;
      const at = Object.entries(scene.live.minimum?.weights ?? {}).slice(0, 6);
      const where = at.map(([name, value]) => `${cut(name, 16)} = ${number(value, 5)}`).join(", ");
      return {
        title: `The lowest loss that is known is ${number(minimum.loss, 8)}`,
        says: `Not by this descent, but by ${minimum.found_by}.${where ? ` There ${where}.` : ""}`,
        equations: [],
        torch: [],
      };
    }
    case "goal": {
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
    case "rate":
      return {
        title: `The learning rate is ${number(descent.lr, 8)}`,
        says:
          document.descent.lr_chosen === "auto"
            ? "It was chosen by trying, beginning with the stability limit."
            : "It was chosen by hand: with the slider, in the address or by a remedy.",
        equations: [],
        torch: lines(/^lr = /),
      };
    case "limit": {
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
        torch: hessian(pytorch, `print(${rule[1]} / curvatures.max().item())`),
      };
    }
    case "largest":
    case "smallest": {
      const value = curvature?.[question.about] ?? NaN;
      const [words, pick] = question.about === "largest" ? ["largest", "max"] : ["smallest", "min"];
      return {
        title: `The ${words} curvature is ${number(value, 8)}`,
        says:
          `The ${words} eigenvalue of the Hessian ${ends}` +
          (curvature?.residual == null
            ? "."
            : `, with a residual of ${number(curvature.residual, 2)}.`),
        equations: [],
        torch: hessian(pytorch, `print(curvatures.${pick}().item())`),
      };
    }
    case "condition": {
      const [high, low] = [lambda, curvature?.smallest ?? NaN];
      const value = curvature?.condition ?? NaN;
      return {
        title: `The condition number is ${number(value, 8)}`,
        says: `The largest curvature over the smallest, ${ends}: so far apart are the learning rates that they want.`,
        equations: drawn(
          joined(fraction(written(high, 6), written(low, 6)), equals(value)),
          `${number(high)} over ${number(low)}`,
        ),
        torch: hessian(pytorch, "print((curvatures.max() / curvatures.min()).item())"),
      };
    }
    case "forecast": {
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
    case "length": {
      const slope = descent.gradient?.[frame] ?? [];
      const value = Math.hypot(...slope);
      return {
        title: `The gradient at step ${step} has the length ${number(value, 6)}`,
        says: "It is zero at a minimum; the root of the sum of its squared entries.",
        equations: drawn(lengthPutIn(slope), `the length of ${slope.length} partial derivatives`),
        torch: [...lines(/loss\.backward/), "print(weights.grad.norm())"],
      };
    }
  }
}

const STEP = /weights -= |optimizer\.step\(\)/;

/** The run's own loss, and its curvatures at the weights that its script ends with. */
function hessian(pytorch: string | null, print: string): string[] {
  const all = (pytorch ?? "").split("\n");
  const begins = all.findIndex((line) => /^for step in /.test(line));
  const ends = all.findIndex((line, index) => index > begins && /^ +loss = /.test(line));
  if (begins < 0 || ends < 0) return [];
  return [
    "def loss_of(weights):",
    ...all.slice(begins + 1, ends + 1),
    "    return loss",
    "",
    "found = torch.autograd.functional.hessian(loss_of, weights.detach())",
    "curvatures = torch.linalg.eigvalsh(found)",
    print,
  ];
}
