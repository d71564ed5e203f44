"""Write what the page knows of Python: `src/lab/methods.ts` and `src/generated`.

`python -m frontend.generate` writes it, `--check` compares only.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from frontend import wire

from steepest.formula.own import own
from steepest.lab.model import program_of
from steepest.methods.losses import LOSS, LOSSES, MSE, PROBABILITY, RMSE, VALUE, Loss
from steepest.methods.optimizers import GD, OPTIMIZER, Optimizer

SOURCES = Path(__file__).parent / "src"

HEAD = "// Made by `python -m frontend.generate` from src/steepest/methods: change it there.\n"


def entry(one: Optimizer) -> dict[str, Any]:
    """What the page has to know of an optimizer."""
    return {
        "solver": one.optax is None,
        "adaptive": one.scaling is not None,
        "momentum": one.has_momentum,
        "race": "race" in one.serves,
        "factor": None if one.factor is None else [one.factor.over, one.factor.under],
    }


def entry_of_loss(one: Loss) -> dict[str, Any]:
    """What the page has to know of a loss. Its models of classes give probabilities."""
    form = one.form(PROBABILITY if one.of_classes else VALUE)
    return {"means": one.means, "root": one.root, "cost": program_of(own(form.safe))}


def typescript() -> str:
    """The module."""
    return f"""{HEAD}
import type {{ Operation }} from "./contract";

export interface Optimizer {{
  /** Of scipy: it has no learning rate. */
  solver: boolean;
  adaptive: boolean;
  momentum: boolean;
  race: boolean;
  /** (a + b·β)/(c + d·β), the stability limit times the largest curvature. */
  factor: [over: [number, number], under: [number, number]] | null;
}}

// prettier-ignore
export const OPTIMIZERS: Record<string, Optimizer> = {{
{_entries({name: entry(one) for name, one in OPTIMIZER.items()})}}};

export interface Loss {{
  /** In a few words. */
  means: string;
  /** The root of the mean is taken. */
  root: boolean;
  /** What a row costs, from the prediction `p`, the target `t` and the residual `r`. */
  cost: Operation[];
}}

// prettier-ignore
export const LOSSES: Record<string, Loss> = {{
{_entries({name: entry_of_loss(LOSS[name]) for name in LOSSES})}}};

/** Of a fit that was not told its loss. */
export const USUAL = {json.dumps(MSE.name)};

/** What equations call the root of the mean square. */
export const ROOT = {json.dumps(RMSE.name)};

/** Plain gradient descent. */
export const PLAIN = {json.dumps(GD.name)};
"""


def _entries(found: dict[str, Any]) -> str:
    return "".join(f"  {json.dumps(name)}: {json.dumps(one)},\n" for name, one in found.items())


def modules() -> dict[Path, str]:
    """Every module that is written, and what stands in it."""
    return {
        SOURCES / "lab/methods.ts": typescript(),
        SOURCES / "generated/figures.ts": wire.types(),
        SOURCES / "generated/draw.ts": wire.table(),
    }


def main() -> int:
    """Write the modules, or with --check say which are out of date; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the TypeScript that Python knows.")
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    stale = 0
    for file, text in modules().items():
        if not check:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            print(f"{file} is out of date. Run: python -m frontend.generate", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
