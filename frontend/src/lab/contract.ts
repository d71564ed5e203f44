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
  seed: number;
  batch_size: number | null;
  /** The two weights of the contour; the server chooses them where they are not given. */
  plane?: [string, string];
}

export interface Example {
  id: string;
  title: string;
  says: string;
  problem: Problem;
}

export interface Upload {
  upload: string;
  name: string;
  rows: number;
  columns: string[];
  preview: unknown[][];
  notes: string[];
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

/** Every learning rate's descent, thinned: what the slider needs to move without asking. */
export interface Live {
  weights: string[];
  rates: number[];
  here: number;
  steps: (number | null)[];
  outcome: string[];
  zones: { word: string; low: number; high: number }[];
  limit: number | null;
  goal: number | null;
  minimum: { loss: number; weights: Record<string, number> } | null;
  start: Record<string, number>;
  frames: number[];
  values: number[][][];
  loss: number[][];
  model: ModelData | null;
  notes: string[];
  contour: Plane | null;
}

export interface Judged {
  board: Board;
  document: RunDocument;
  equations: Equations | null;
  command: string;
  python: string;
  pytorch: string | null;
}

export interface Equations {
  model?: string;
  loss?: string;
  partials?: Record<string, string>;
}

/** The parts of the JSON document that the page reads. */
export interface RunDocument {
  problem: { formula: string; loss: string | null; rows?: number | null; target?: string | null };
  descent: {
    optimizer: string;
    lr: number | null;
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
  verdict: { learning_rate: string; headline: string };
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
  lr: number;
  frames: number[];
  values: number[][];
  loss: number[];
  steps: number | null;
}

export interface StoredRun {
  id: string;
  name?: string | null;
  formula?: string | null;
  when?: string | null;
  headline?: string | null;
  state?: string | null;
  steps?: number | null;
  loss?: number | null;
}

const LISTS = "rates frames values loss data_x data_y x y at_rows along grid_x grid_y grid levels";
const SINGLE = "limit goal weights start lr value measured_loss";
const spoken = numeric(`${LISTS} ${SINGLE}`.split(" "));

/** A hole in a list of numbers is not a number: pictures are broken there. */
const holes = <T>(value: T): T =>
  (Array.isArray(value)
    ? value.map((entry: unknown) => (entry === null ? NaN : holes(entry)))
    : value) as T;

export function readLive(raw: unknown): Live {
  const live = spoken(raw) as Live;
  const middle = Math.floor(live.rates.length / 2);
  return {
    ...live,
    here: Math.min(live.rates.length - 1, Math.max(0, live.here ?? middle)),
    start: live.start ?? {},
    values: holes(live.values),
    loss: holes(live.loss),
    contour: live.contour && { ...live.contour, grid: holes(live.contour.grid) },
  };
}

export function readJudged(raw: unknown): Judged {
  const given = raw as Judged & { board: { equations?: Equations } };
  const board = read(given.board);
  const document = numeric(["final_loss", "gradient", "value", "start"])(given.document);
  return {
    ...given,
    board,
    document: document as RunDocument,
    equations: given.equations ?? given.board.equations ?? null,
  };
}

export const readRacers = (raw: unknown): Racer[] =>
  (spoken(raw) as { racers: Racer[] }).racers.map((racer) => ({
    ...racer,
    values: holes(racer.values),
    loss: holes(racer.loss),
  }));
