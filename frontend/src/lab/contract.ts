// What the server and the page say to each other.

import { numeric, read, type Board } from "../data";

export interface Problem {
  example: string | null;
  upload: string | null;
  command: "fit" | "minimize";
  formula: string;
  loss: string | null;
  optimizer: string;
  momentum: number | null;
  lr: number | "auto";
  steps: number;
  start: Record<string, number>;
  standardize: boolean;
  rescale: boolean;
  seed: number;
  batch_size: number | null;
}

export interface Example {
  id: string;
  title: string;
  says: string;
  problem: Problem;
}

/** What the page shows at a stop of a lesson. */
export interface State {
  problem: Problem;
  /** The step of the cursor; null is the last. */
  step: number | null;
  part: string | null;
  /** Which of the figures. */
  show: string[];
}

export interface Stop {
  name: string;
  title: string;
  text: string;
  ask: string | null;
  choices: string[];
  /** Which of the choices is right, from 1. */
  answer: number | null;
  reveals: string;
  state: State;
  then: State;
}

export interface Lesson {
  /** Whether the page begins with it. */
  opens: boolean;
  stops: Stop[];
}

export interface Upload {
  upload: string;
  name: string;
  rows: number;
  columns: string[];
  preview: unknown[][];
  notes: string[];
  /** To begin with. */
  formula: string;
}

/** What a stack machine does: `["number", 2]`, `["weight", "a"]`, `["+"]`, `["call", "exp", 1]`. */
export type Operation = [op: string, ...parts: (string | number)[]];

export interface ModelData {
  program: Operation[];
  gives: string | null;
  columns: string[];
  target: string | null;
  rows: {
    number: number[];
    target: number[];
    inputs: Record<string, number[]>;
    /** Where the model has one column: that column, in the user's units. */
    x: number[] | null;
    /** Of how many rows these are. */
    of: number;
    /** Whether the target is a column as it stands, all of whose rows these are. */
    movable: boolean;
  } | null;
  curve: { x: number[]; inputs: Record<string, number[]> } | null;
}

export interface Plane {
  weights: [string, string];
  grid_x: number[];
  grid_y: number[];
  grid: number[][];
  levels: number[];
}

/** Steps to the goal by learning rate: one judgement for slider, title, zones and headline. */
export interface Rated {
  rates: number[];
  /** To the goal; null where it was not reached. */
  steps: (number | null)[];
  diverged: boolean[];
  /** What is said of each. */
  said: string[];
  zones: { word: string; label: string; low: number; high: number }[];
}

/** Every learning rate's descent, thinned: what the slider needs to move without asking. */
export interface Live extends Rated {
  weights: string[];
  /** In the user's units; `values` are in those of the descent. */
  start: Record<string, number>;
  /** Steps before it diverged, else all. */
  walked: number[];
  /** The quickest that is at the goal at its end too; where there is none, the lowest. */
  best: number | null;
  limit: number | null;
  /** Where its curvature was taken; null where that is the same everywhere. */
  limit_at: "start" | "minimum" | null;
  goal: number | null;
  /** `undetermined`: weights that may be others at the same minimum. */
  minimum: { loss: number; weights: Record<string, number>; undetermined: string[] } | null;
  frames: number[];
  values: number[][][];
  loss: number[][];
  model: ModelData | null;
  contour: Plane | null;
  notes: string[];
}

/** What is seen of a plane: two weights, of each the lowest and the highest. */
export interface Window {
  weights: [string, string];
  x: [number, number];
  y: [number, number];
}

export interface Judged {
  board: Board;
  /** The learning rates beside this run's `lr`, by its own verdict; null where there are none. */
  rated: (Rated & { lr: number }) | null;
  document: RunDocument;
  equations: Equations | null;
  command: string;
  python: string;
  pytorch: string | null;
  /** Lines of PyTorch by the part of a step that they do; none where no script walks the path. */
  torch: Record<string, string[] | undefined>;
}

/** As MathML; null where one would be too long. */
export interface Equations {
  model: string;
  loss: string;
  /** What one row adds to the mean. */
  loss_row: string;
  partials: Record<string, string | null>;
  partial_rows: Record<string, string | null>;
  /** How each name is drawn in them, and what stands for the target. */
  names: Record<string, string>;
  target: string | null;
}

/** The parts of the JSON document that the page reads. */
export interface RunDocument {
  problem: {
    formula: string;
    loss: string | null;
    rows?: number | null;
    target?: string | null;
    linear_in_weights?: boolean;
  };
  descent: {
    optimizer: string;
    lr: number | null;
    lr_chosen?: string | null;
    momentum?: number | null;
    steps: number;
    stopped: string;
    stopped_why: string;
    final_step: number;
    final_loss: number;
  };
  weights: Record<
    string,
    { start: number; value: number; gradient: number; partial: string | null } | undefined
  >;
  curvature: {
    largest: number | null;
    smallest: number | null;
    condition: number | null;
    residual: number | null;
    at: string | null;
    preconditioned: unknown;
  } | null;
  stability_limit: number | null;
  minimum: { loss: number; found_by: string; gap: number | null } | null;
  forecast: { to: string; steps: number | null; basis: string } | null;
  verdict: {
    learning_rate: string;
    headline: string;
    findings: { code: string; evidence: Record<string, unknown> }[];
  };
}

export interface Remedy {
  change: string;
  sentence: string;
  command: string | null;
  predicted_steps: number | null;
  measured_steps: number | null;
  measured_loss: number | null;
  reached: boolean;
  problem: Problem | null;
}

export interface Racer {
  optimizer: string;
  lr: number | null;
  steps: number | null;
  /** What became of it, as far as it was run. */
  said: string;
  lucky: boolean;
  weights: string[];
  /** None where every learning rate diverges. */
  frames: number[];
  values: number[][];
  loss: number[];
}

/** A run in the store, as the list has it. */
export interface KeptRun {
  id: string;
  command?: string;
  status: string;
  name: string | null;
  formula: string | null;
  headline: string | null;
  optimizer?: string | null;
  lr?: number | null;
  steps?: number | null;
  loss?: number | string | null;
  started?: string | null;
}

/** Whether figures of a run are there while it goes on. */
export const isTraining = ({ command }: KeptRun): boolean =>
  command === "watch" || command === "train";

export interface RunList {
  now: number;
  /** Of all runs, in their order; `runs` are those that have changed. */
  ids: string[];
  runs: KeptRun[];
}

export interface OpenedRun {
  summary: KeptRun;
  board: unknown;
  document: { trace?: { step: number[]; loss: number[] } } | null;
  curve?: { step: number[]; loss: number[] };
  why?: string;
}

/** A hole in a list of numbers is not a number: pictures are broken there. */
const holes = <T>(value: T): T =>
  (Array.isArray(value)
    ? value.map((entry: unknown) => (entry === null ? NaN : holes(entry)))
    : value) as T;

/** A view; one that was asked `again` leaves out what the one before it said. */
export function readLive(raw: unknown, before: Live | null = null): Live {
  const live = raw as Live;
  const contour = live.contour ?? before?.contour ?? null;
  return {
    ...live,
    values: holes(live.values),
    loss: holes(live.loss),
    model: live.model ?? before?.model ?? null,
    contour: contour && { ...contour, grid: holes(contour.grid) },
  };
}

/** The place of a learning rate; of `auto` that of the best. */
export function placeOf({ rates, best }: Live, lr: number | "auto"): number {
  if (lr === "auto") return best ?? Math.floor(rates.length / 2);
  const away = (rate: number): number => Math.abs(Math.log(rate / lr));
  return rates.reduce(
    (found, rate, index) => (away(rate) < away(rates[found]!) ? index : found),
    0,
  );
}

export function readJudged(raw: unknown): Judged {
  const given = raw as Judged;
  const spoken = numeric(["final_loss", "gradient", "value", "start"]);
  return {
    ...given,
    board: read(given.board),
    document: spoken(given.document) as RunDocument,
    equations: given.equations ?? null,
    torch: given.torch ?? {},
  };
}

export const readRacers = (raw: unknown): Racer[] =>
  (raw as { racers: Racer[] }).racers.map((racer) => ({
    ...racer,
    values: holes(racer.values),
    loss: holes(racer.loss),
  }));
