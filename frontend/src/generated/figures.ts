// Made by `python -m frontend.generate` from src/steepest/show/figures: change it there.

export interface AxisData {
  label: string;
  scale: "linear" | "log" | "symlog";
}

interface Common {
  title: string;
  text: string;
  x: AxisData;
  y: AxisData;
  z?: AxisData;
  notes: string[];
  frames?: number[];
  at?: number;
  weights?: string[];
}

export interface ForecastData {
  step: number;
  low: number;
  high: number;
  basis: string;
}

export interface LossData extends Common {
  kind: "loss";
  step: number[];
  loss: number[];
  minimum: number | null;
  goal: number | null;
  forecast: ForecastData | null;
  validation: number[] | null;
}

export interface GradientData extends Common {
  kind: "gradient";
  step: number[];
  length: number[];
}

export interface FitData extends Common {
  kind: "fit";
  mode: "curve" | "predicted";
  row: number[];
  data_x: number[];
  data_y: number[];
  predicted: number[][];
  curve_x?: number[];
  curve_y?: number[][];
  best_y?: number[] | null;
}

export interface PanelsData extends Common {
  kind: "panels";
  mode: "curve" | "predicted";
  row: number[];
  data_x: number[];
  data_y: number[];
  predicted: number[][];
  curve_x?: number[];
  curve_y?: number[][];
  step: number[];
  range: number[] | null;
}

export interface ResidualsData extends Common {
  kind: "residuals";
  row: number[];
  data_x: number[];
  residual: number[][];
}

export interface SliceData extends Common {
  kind: "slice";
  here: number[];
  loss_here: number[];
  slope: number[];
  next: number[];
  next_loss: number[];
  weight: string;
  index: number;
  values: number[];
  losses: number[][];
  minimum: number | null;
}

export interface HeldData {
  text: string;
}

export interface ContourData extends Common {
  kind: "contour";
  weights: [string, string];
  grid_x: number[];
  grid_y: number[];
  grid: number[][];
  held: HeldData | null;
  levels: number[];
  path_x: number[];
  path_y: number[];
  path_step: number[];
  here: [number, number][];
  next: [number, number][];
  minimum: [number, number] | null;
}

export interface SurfaceData extends Common {
  kind: "surface";
  weights: [string, string];
  grid_x: number[];
  grid_y: number[];
  grid: number[][];
  held: HeldData | null;
  levels: number[];
  path_x: number[];
  path_y: number[];
  path_step: number[];
  here: [number, number][];
  next: [number, number][];
  minimum: [number, number] | null;
  path_height: number[];
  height: number[];
  minimum_height: number | null;
}

export interface ZoneData {
  word: string;
  low: number;
  high: number;
}

export interface OwnData {
  lr: number;
  steps: number | null;
}

export interface SweepData extends Common {
  kind: "sweep";
  lr: number[];
  steps: number[];
  outcome: string[];
  zones: ZoneData[];
  limit: number | null;
  here: OwnData | null;
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
  bound: number | null;
  bound_text: string;
  where: string;
}

export interface NodeData {
  id: number;
  text: string;
  inputs: number[];
  depth: number;
  weight: number | null;
}

export interface BackwardData extends Common {
  kind: "backward";
  row: number | null;
  of: number;
  nodes: NodeData[];
  value: number[][];
  adjoint: number[][];
  slopes: number[][];
  value_mean: number[][] | null;
  adjoint_sum: number[][] | null;
}

export interface FunctionData extends Common {
  kind: "function";
  here: number[];
  loss_here: number[];
  slope: number[];
  next: number[];
  next_loss: number[];
  values: number[];
  losses: number[];
  minimum: number | null;
}

export interface EpochsData extends Common {
  kind: "epochs";
  epoch: number[];
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
  counts: number[][];
  totals: number[];
}

export interface RatesData extends Common {
  kind: "rates";
  lr: number[];
  loss: number[];
  words: string[];
  early: boolean[];
  steps: number[];
  zones: ZoneData[];
  limit: number | null;
  limit_said: string | null;
  own: number | null;
}

export interface HeldOutData {
  step: number[];
  loss: number[];
}

export interface LimitsData {
  step: number[];
  lr: number[];
}

export interface AlarmData {
  step: number;
  code: string;
  severity: string;
  sentence: string;
}

export interface TrainingData extends Common {
  kind: "training";
  step: number[];
  loss: number[];
  mean: number[] | null;
  top: number | null;
  validation: HeldOutData;
  rates: number[][];
  limits: LimitsData;
  alarms: AlarmData[];
}

export interface ChoiceData {
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
  edges: number[];
  choices: ChoiceData[];
  alarms: AlarmData[];
}

export interface SaidNodeData {
  id: number;
  text: string;
  inputs: number[];
  depth: number;
  weight: number | null;
  forward: string;
  back: string;
}

export interface NetworkData extends Common {
  kind: "network";
  nodes: SaidNodeData[];
  adjoints: boolean;
}

export interface RowData {
  row: number;
  is: string;
  said: string;
  pixels: number[];
  wrong: boolean;
  share: number | null;
}

export interface MissedData {
  row: number;
  is: string;
  said: string;
  pixels: number[];
}

export interface UnitData {
  unit: number;
  length: number | null;
  weights: number[];
  asked: number[];
}

export interface PicturesData extends Common {
  kind: "pictures";
  width: number;
  height: number;
  channels: number;
  inked: boolean;
  rows: RowData[];
  missed: MissedData[];
  units: UnitData[];
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
  here: [number, number][];
  place: number[];
}

export interface FanData extends Common {
  kind: "fan";
  factors: number[];
  step: number[];
  losses: number[][];
  relative: number[][];
  lr: number[];
  level: number;
  probe: number[];
}

export interface AutogradData extends Common {
  kind: "autograd";
  nodes: SaidNodeData[];
  adjoints: boolean;
}

export type FigureData =
  | LossData
  | GradientData
  | FitData
  | PanelsData
  | ResidualsData
  | SliceData
  | ContourData
  | SurfaceData
  | SweepData
  | PullsData
  | SpectrumData
  | BackwardData
  | FunctionData
  | EpochsData
  | ConfusionData
  | RatesData
  | TrainingData
  | LayersData
  | NetworkData
  | PicturesData
  | PlaneData
  | FanData
  | AutogradData;

/** Keys under which a number can be infinite or none. */
export const NUMERIC = [
  "accuracy",
  "adjoint",
  "adjoint_sum",
  "amount",
  "asked",
  "best",
  "best_y",
  "bound",
  "channels",
  "counts",
  "curve_x",
  "curve_y",
  "data_x",
  "data_y",
  "depth",
  "edges",
  "eigenvalues",
  "epoch",
  "factors",
  "frames",
  "goal",
  "gradient",
  "grid",
  "grid_x",
  "grid_y",
  "height",
  "held_out",
  "held_out_accuracy",
  "here",
  "high",
  "id",
  "index",
  "inputs",
  "length",
  "level",
  "levels",
  "limit",
  "loss",
  "loss_here",
  "losses",
  "low",
  "lr",
  "mean",
  "minimum",
  "minimum_height",
  "next",
  "next_loss",
  "own",
  "path_height",
  "path_loss",
  "path_step",
  "path_x",
  "path_y",
  "pixels",
  "place",
  "predicted",
  "probe",
  "range",
  "rates",
  "relative",
  "residual",
  "rest",
  "row",
  "run_steps",
  "share",
  "shown",
  "slope",
  "slopes",
  "step",
  "steps",
  "top",
  "totals",
  "unit",
  "validation",
  "value",
  "value_mean",
  "values",
  "vectors",
  "width",
];
