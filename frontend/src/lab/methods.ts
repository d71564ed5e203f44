// Made by `python -m frontend.generate` from src/steepest/methods: change it there.

import type { Operation } from "./contract";

export interface Optimizer {
  /** Of scipy: it has no learning rate. */
  solver: boolean;
  adaptive: boolean;
  momentum: boolean;
  race: boolean;
  /** (a + b·β)/(c + d·β), the stability limit times the largest curvature. */
  factor: [over: [number, number], under: [number, number]] | null;
}

// prettier-ignore
export const OPTIMIZERS: Record<string, Optimizer> = {
  "gd": {"solver": false, "adaptive": false, "momentum": false, "race": true, "factor": [[2, 0], [1, 0]]},
  "momentum": {"solver": false, "adaptive": false, "momentum": true, "race": true, "factor": [[2, 2], [1, 0]]},
  "nesterov": {"solver": false, "adaptive": false, "momentum": true, "race": true, "factor": [[2, 2], [1, 2]]},
  "rmsprop": {"solver": false, "adaptive": true, "momentum": false, "race": true, "factor": [[2, 0], [1, 0]]},
  "adagrad": {"solver": false, "adaptive": true, "momentum": false, "race": false, "factor": null},
  "adam": {"solver": false, "adaptive": true, "momentum": true, "race": true, "factor": [[2, 2], [1, -1]]},
  "adamw": {"solver": false, "adaptive": true, "momentum": true, "race": false, "factor": [[2, 2], [1, -1]]},
  "adamax": {"solver": false, "adaptive": true, "momentum": true, "race": false, "factor": [[2, 2], [1, -1]]},
  "lbfgs": {"solver": true, "adaptive": false, "momentum": false, "race": false, "factor": null},
  "lm": {"solver": true, "adaptive": false, "momentum": false, "race": false, "factor": null},
};

export interface Loss {
  /** In a few words. */
  means: string;
  /** The root of the mean is taken. */
  root: boolean;
  /** What a row costs, from the prediction `p`, the target `t` and the residual `r`. */
  cost: Operation[];
}

// prettier-ignore
export const LOSSES: Record<string, Loss> = {
  "mse": {"means": "the mean of the squared residuals", "root": false, "cost": [["weight", "r"], ["number", 2.0], ["**"]]},
  "mae": {"means": "the mean of the residuals' sizes", "root": false, "cost": [["weight", "r"], ["call", "abs", 1]]},
  "rmse": {"means": "the root of the mean of the squared residuals", "root": true, "cost": [["weight", "r"], ["number", 2.0], ["**"]]},
  "huber": {"means": "the mean of the Huber cost of the residuals", "root": false, "cost": [["weight", "r"], ["call", "abs", 1], ["number", 1.0], ["<="], ["weight", "r"], ["number", 2.0], ["**"], ["number", 2.0], ["/"], ["weight", "r"], ["call", "abs", 1], ["number", 1.0], ["number", 2.0], ["/"], ["-"], ["call", "where", 3]]},
  "log-cosh": {"means": "the mean of the log-cosh of the residuals", "root": false, "cost": [["weight", "r"], ["number", 2.0], ["negate"], ["weight", "r"], ["*"], ["call", "softplus", 1], ["+"], ["number", 2.0], ["call", "log", 1], ["-"]]},
  "cross-entropy": {"means": "the mean cross-entropy", "root": false, "cost": [["weight", "t"], ["weight", "p"], ["call", "xlogy", 2], ["number", 1.0], ["weight", "t"], ["-"], ["weight", "p"], ["negate"], ["call", "xlog1py", 2], ["+"], ["negate"]]},
};

/** Of a fit that was not told its loss. */
export const USUAL = "mse";

/** What equations call the root of the mean square. */
export const ROOT = "rmse";

/** Plain gradient descent. */
export const PLAIN = "gd";
