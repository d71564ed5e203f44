// What Python makes: a board, its figures, and numbers that JSON cannot write revived.

export interface AxisData {
  label: string;
  scale: "linear" | "log" | "symlog";
}

interface Common {
  title: string;
  text: string;
  x: AxisData;
  y: AxisData;
  notes: string[];
  frames?: number[];
  at?: number;
}

export interface LossData extends Common {
  kind: "loss";
  step: number[];
  loss: number[];
  minimum: number | null;
  goal: number | null;
  forecast: { step: number; low: number; high: number; basis: string } | null;
  validation: number[] | null;
}

export interface FitData extends Common {
  kind: "fit";
  mode: "curve" | "predicted";
  row: number[];
  data_x: number[];
  data_y: number[];
  curve_x?: number[];
  curve_y?: number[][];
  best_y?: number[] | null;
  predicted: number[][];
}

export interface ResidualsData extends Common {
  kind: "residuals";
  row: number[];
  data_x: number[];
  residual: number[][];
}

export interface SliceData extends Common {
  kind: "slice";
  weight: string;
  index: number;
  values: number[];
  losses: number[][];
  here: number[];
  loss_here: number[];
  slope: number[];
  next: number[];
  next_loss: number[];
  minimum: number | null;
}

export interface FunctionData extends Omit<SliceData, "kind" | "weight" | "index" | "losses"> {
  kind: "function";
  losses: number[];
}

export interface ContourData extends Common {
  kind: "contour";
  weights: [string, string];
  grid_x: number[];
  grid_y: number[];
  grid: number[][];
  held: { text: string } | null;
  levels: number[];
  path_x: number[];
  path_y: number[];
  path_step: number[];
  here: [number, number][];
  next: [number, number][];
  minimum: [number, number] | null;
}

export interface SurfaceData extends Omit<ContourData, "kind"> {
  kind: "surface";
  z: AxisData;
  path_height: number[];
  height: number[];
  minimum_height: number | null;
}

export interface SweepData extends Common {
  kind: "sweep";
  lr: number[];
  steps: number[];
  outcome: string[];
  zones: { word: string; low: number; high: number }[];
  limit: number | null;
  here: { lr: number; steps: number | null } | null;
  run_steps: (number | null)[];
}

export interface PullsData extends Common {
  kind: "pulls";
  row: number[];
  weights: string[];
  amount: number[][][];
  rest: number[][];
}

export interface SpectrumData extends Common {
  kind: "spectrum";
  eigenvalues: number[];
  vectors: number[][];
  weights?: string[];
  bound: number | null;
  bound_text: string;
}

export interface BackwardNode {
  id: number;
  text: string;
  inputs: number[];
  depth: number;
  weight: number | null;
}

export interface BackwardData extends Common {
  kind: "backward";
  row: number | null;
  nodes: BackwardNode[];
  value: number[][];
  adjoint: number[][];
}

/** Where something was found, in a training. */
export interface Alarm {
  step: number;
  code: string;
  severity: string;
  sentence: string;
}

export interface TrainingData extends Common {
  kind: "training";
  z: AxisData;
  step: number[];
  loss: number[];
  mean: number[] | null;
  top: number | null;
  validation: { step: number[]; loss: number[] };
  /** The learning rates that differ, each of them at every step. */
  rates: number[][];
  limits: { step: number[]; lr: number[] };
  alarms: Alarm[];
}

/** What a heat map can show; infinite is what was lost, NaN what was not measured. */
export interface LayersChoice {
  of: string;
  label: string;
  scale: "linear" | "log";
  low: number;
  high: number;
  title: string;
  text: string;
  values: number[][];
}

export interface LayersData extends Common {
  kind: "layers";
  shown: number;
  rows: string[];
  /** Where the columns begin, and where the last one ends. */
  edges: number[];
  choices: LayersChoice[];
  alarms: Alarm[];
}

export interface FanData extends Common {
  kind: "fan";
  factors: number[];
  step: number[];
  losses: number[][];
  relative: number[][];
  lr: number[];
  level: number;
  /** For each frame the probe nearest to it. */
  probe: number[];
}

type SaidNode = BackwardNode & { forward: string; back: string };

export interface AutogradData extends Common {
  kind: "autograd";
  nodes: SaidNode[];
  adjoints: boolean;
}

/** A network's layers and tensors, as the graph of a loss has its operations. */
export interface NetworkData extends Omit<AutogradData, "kind"> {
  kind: "network";
}

export interface EpochsData extends Common {
  kind: "epochs";
  z: AxisData | null;
  epoch: number[];
  /** How many steps had been taken at the end of each. */
  step: number[];
  loss: number[];
  held_out: number[] | null;
  accuracy: number[] | null;
  held_out_accuracy: number[] | null;
  best: number | null;
}

export interface ConfusionData extends Common {
  kind: "confusion";
  classes: string[];
  /** Down what they are, across what the network says. */
  counts: number[][];
  totals: number[];
}

export interface RatesData extends Common {
  kind: "rates";
  lr: number[];
  loss: number[];
  steps: number[];
  words: string[];
  early: boolean[];
  zones: { word: string; low: number; high: number }[];
  limit: number | null;
  limit_said: string | null;
  own: number | null;
}

interface PictureOfRow {
  row: number;
  is: string;
  said: string;
  /** From 0 to 255. */
  pixels: number[];
}

export interface PicturesData extends Common {
  kind: "pictures";
  width: number;
  height: number;
  channels: number;
  /** Whether large numbers are ink on paper, rather than light. */
  inked: boolean;
  rows: (PictureOfRow & { wrong: boolean; share: number | null })[];
  /** Rows that were told wrong. */
  missed: PictureOfRow[];
  /** Levels from -100 to 100. */
  units: { unit: number; length: number | null; weights: number[]; asked: number[] }[];
  /** What 100 stands for. */
  weight: number | null;
  asked: number | null;
}

export interface PlaneData extends Common {
  kind: "plane";
  grid_x: number[];
  grid_y: number[];
  grid: number[][];
  levels: number[];
  path_x: number[];
  path_y: number[];
  path_step: number[];
  path_loss: number[];
  /** At each frame, the noted place of the path nearest to it. */
  here: [number, number][];
  place: number[];
}

export type FigureData =
  | LossData
  | FitData
  | ResidualsData
  | SliceData
  | FunctionData
  | ContourData
  | SurfaceData
  | SweepData
  | PullsData
  | SpectrumData
  | BackwardData
  | TrainingData
  | LayersData
  | FanData
  | AutogradData
  | EpochsData
  | ConfusionData
  | RatesData
  | NetworkData
  | PicturesData
  | PlaneData;

export interface Board {
  formula: string;
  headline: string;
  findings: { code: string; severity: string; sentence: string }[];
  remedies: { change: string; sentence: string; command: string | null }[];
  frames: number[];
  at: number;
  weights: string[];
  values: number[][];
  gradient: number[][];
  loss: number[];
  notes: string[];
  figures: FigureData[];
}

// Under these keys "NaN" and "Infinity" are numbers; elsewhere they are words, say a column's name.
const NUMERIC = (
  "frames values gradient loss step minimum goal low high validation data_x data_y curve_x " +
  "curve_y best_y predicted residual losses here loss_here slope next next_loss grid_x grid_y " +
  "grid levels path_x path_y path_step path_height height minimum_height lr steps limit amount " +
  "rest eigenvalues vectors bound value adjoint mean top rates edges relative " +
  "held_out accuracy held_out_accuracy path_loss share length"
).split(" ");
const SPOKEN = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/** Revives the numbers under the keys in `names`. */
export function numeric(names: Iterable<string>): (raw: unknown) => unknown {
  const known = new Set(names);
  const revived = (value: unknown, spoken: boolean): unknown => {
    if (typeof value === "string") return spoken ? (SPOKEN.get(value) ?? value) : value;
    if (Array.isArray(value)) return value.map((entry) => revived(entry, spoken));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, revived(entry, known.has(key))]),
    );
  };
  return (raw) => revived(raw, false);
}
const revive = numeric(NUMERIC);

/** A board from parsed JSON; a figure alone becomes a board of one. */
export function read(raw: unknown): Board {
  const given = revive(raw) as Partial<Board> & Partial<FigureData>;
  const alone = typeof given.kind === "string" ? [given as FigureData] : [];
  const frames = given.frames?.length ? given.frames : [0];
  return {
    formula: given.formula ?? "",
    headline: given.headline ?? "",
    findings: given.findings ?? [],
    remedies: given.remedies ?? [],
    frames,
    at: Math.min(Math.max(given.at ?? frames.length - 1, 0), frames.length - 1),
    weights: (given as Partial<Board>).weights ?? [],
    // A figure alone has keys of these names that mean something of its own.
    values: alone.length ? [] : ((given as Partial<Board>).values ?? []),
    gradient: given.gradient ?? [],
    loss: alone.length ? [] : ((given as Partial<Board>).loss ?? []),
    notes: alone.length ? [] : (given.notes ?? []),
    figures: alone.length ? alone : (given.figures ?? []),
  };
}
