// Made by `python -m frontend.generate` from src/steepest/methods: change it there.

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
  "lbfgs": {"solver": true, "adaptive": false, "momentum": false, "race": false, "factor": null},
  "lm": {"solver": true, "adaptive": false, "momentum": false, "race": false, "factor": null},
};

/** Plain gradient descent. */
export const PLAIN = "gd";
