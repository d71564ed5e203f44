// The model as the server wrote it down, computed here: for the line through the data while a
// slider moves, and for what one tries by hand.

import type { ModelData, Operation } from "./contract";

type Column = Float64Array | number;
type Apply = (...operands: number[]) => number;

const sigmoid = (x: number): number => {
  const small = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
};
/** Abramowitz and Stegun 7.1.26, within 1.5e-7: for a picture. */
const erf = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const sum = series.reduce((total, factor) => (total + factor) * t, 0);
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
};
const truth = (yes: boolean): number => (yes ? 1 : 0);

const APPLY: Record<string, Apply> = {
  "+": (a, b) => a! + b!,
  "-": (a, b) => a! - b!,
  "*": (a, b) => a! * b!,
  "/": (a, b) => a! / b!,
  "**": (a, b) => a! ** b!,
  negate: (a) => -a!,
  exp: Math.exp,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  arcsin: Math.asin,
  arccos: Math.acos,
  arctan: Math.atan,
  arctan2: Math.atan2,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  sigmoid,
  softplus: (x) => Math.max(x!, 0) + Math.log1p(Math.exp(-Math.abs(x!))),
  erf: (x) => erf(x!),
  xlogy: (x, y) => (x === 0 ? 0 : x! * Math.log(y!)),
  xlog1py: (x, y) => (x === 0 ? 0 : x! * Math.log1p(y!)),
  relu: (x) => Math.max(x!, 0),
  minimum: Math.min,
  maximum: Math.max,
  where: (condition, then, otherwise) => (condition ? then! : otherwise!),
  "<": (a, b) => truth(a! < b!),
  "<=": (a, b) => truth(a! <= b!),
  ">": (a, b) => truth(a! > b!),
  ">=": (a, b) => truth(a! >= b!),
  "==": (a, b) => truth(a === b),
  "!=": (a, b) => truth(a !== b),
  and: (...given) => truth(given.every(Boolean)),
  or: (...given) => truth(given.some(Boolean)),
  not: (a) => truth(!a),
};

/** What the model gives for weights, at the rows or along the picture's axis. */
export interface Model {
  atRows: (weights: readonly number[]) => Float64Array;
  /** What the formula itself is at the rows, where the model makes a probability of it. */
  bare: (weights: readonly number[]) => Float64Array;
  along: (weights: readonly number[]) => Float64Array;
  /** What an expression without rows is, which is its loss. */
  alone: (weights: readonly number[]) => number;
}

/** Null where there is an operation that this page does not know. */
export function modelOf({ program, rows, curve, gives }: ModelData, names: string[]): Model | null {
  if (!program.every(known)) return null;
  const compute = (
    weights: readonly number[],
    n: number,
    inputs: Record<string, number[]>,
    bare = false,
  ): Float64Array => {
    const last = run(program, n, (kind, name) =>
      kind === "weight"
        ? (weights[names.indexOf(name)] ?? NaN)
        : Float64Array.from(Object.hasOwn(inputs, name) ? inputs[name]! : []),
    );
    const given = typeof last === "number" ? new Float64Array(n).fill(last) : last;
    return gives === "logit" && !bare ? given.map(sigmoid) : given;
  };
  return {
    atRows: (weights) => (rows ? compute(weights, rows.target.length, rows.inputs) : NOTHING),
    bare: (weights) => (rows ? compute(weights, rows.target.length, rows.inputs, true) : NOTHING),
    along: (weights) => (curve ? compute(weights, curve.x.length, curve.inputs) : NOTHING),
    alone: (weights) => compute(weights, 1, {})[0]!,
  };
}

const NOTHING = new Float64Array(0);

const takes = ([op, second, third]: Operation): number =>
  op === "call" ? Number(third) : op === "and" || op === "or" ? Number(second) : 0;

const nameOf = ([op, second]: Operation): string => (op === "call" ? String(second) : op);

const known = (operation: Operation): boolean =>
  ["number", "weight", "column"].includes(operation[0]) || Object.hasOwn(APPLY, nameOf(operation));

/** A stack machine: an operation takes its operands from the top, and puts there what it gives. */
function run(
  program: Operation[],
  n: number,
  named: (kind: string, name: string) => Column,
): Column {
  const stack: Column[] = [];
  for (const operation of program) {
    const [op, second] = operation;
    if (op === "number") {
      stack.push(Number(second));
    } else if (op === "weight" || op === "column") {
      stack.push(named(op, String(second)));
    } else {
      const many = takes(operation) || (op === "negate" || op === "not" ? 1 : 2);
      stack.push(applied(APPLY[nameOf(operation)]!, stack.splice(-many, many), n));
    }
  }
  return stack.at(-1) ?? NaN;
}

/** What a program gives for columns by name, all of the same length. */
export function computed(
  program: Operation[],
  columns: Record<string, Float64Array>,
): Float64Array {
  const n = Object.values(columns)[0]?.length ?? 0;
  const last = run(program, n, (_, name) => columns[name] ?? NaN);
  return typeof last === "number" ? new Float64Array(n).fill(last) : last;
}

function applied(apply: Apply, operands: Column[], n: number): Column {
  if (operands.every((operand) => typeof operand === "number")) return apply(...operands);
  const found = new Float64Array(n);
  const [first, second] = operands;
  if (operands.length === 2) {
    for (let row = 0; row < n; row += 1) found[row] = apply(at(first!, row), at(second!, row));
  } else {
    for (let row = 0; row < n; row += 1) {
      found[row] = apply(...operands.map((operand) => at(operand, row)));
    }
  }
  return found;
}

const at = (column: Column, row: number): number =>
  typeof column === "number" ? column : (column[row] ?? NaN);

/** The root of the mean square of what the model misses. */
export function missed(predicted: ArrayLike<number>, target: readonly number[]): number {
  let sum = 0;
  for (let row = 0; row < target.length; row += 1) sum += (predicted[row]! - target[row]!) ** 2;
  return Math.sqrt(sum / target.length);
}
