"""A run for Weights & Biases, written offline by its own library: the extra `wandb`."""

from __future__ import annotations

import os
from pathlib import Path

from steepest.show.export.tracked import PROJECT, Tracked, write_files
from steepest.words.errors import InputError, needing
from steepest.words.wording import escaped


def write_wandb(tracked: Tracked, folder: str) -> str:
    """Write an offline run into a folder, and say where; `wandb sync` uploads it.

    Nothing is sent. The project is the one that WANDB_PROJECT names, else `steepest`. Raises
    UsageError where wandb is not installed, InputError where it cannot write.
    """
    # Its library tells its makers of its own errors unless it is told not to.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    problem, install = "Writing for Weights & Biases needs", "steepest[wandb]"
    with needing("wandb", f"{problem} wandb", install=install):
        import wandb
    with needing("PIL", f"{problem} Pillow", install=install):
        import PIL  # noqa: F401
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        return _written(tracked, folder)
    except (wandb.Error, OSError) as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise InputError(
            f"Weights & Biases cannot write there: {escaped(said, 300)}.", given=folder
        ) from error


def _written(tracked: Tracked, folder: str) -> str:
    import wandb

    run = wandb.init(
        mode="offline",
        dir=folder,
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=tracked.run,
        name=tracked.name,
        notes=tracked.told,
        tags=tracked.codes,
        config=dict(tracked.parameters),
        reinit="create_new",
        settings=wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        ),
    )
    step = 0
    for step, values in tracked.rows():
        run.log(values, step=step)
    files = Path(run.dir) / "steepest"
    files.mkdir()
    write_files(tracked, files)
    run.save(f"{files}/*", base_path=run.dir, policy="end")
    figures = {
        f"figures/{drawn.name}": wandb.Image(str(files / f"{drawn.name}.png"), caption=drawn.title)
        for drawn in tracked.figures
    }
    run.log(figures, step=step)
    run.summary.update(
        {
            "learning_rate": tracked.verdict.learning_rate,
            "headline": tracked.verdict.headline,
            "findings": [
                {"code": one.code, "severity": one.severity, "sentence": one.sentence}
                for one in tracked.verdict.findings
            ],
        }
    )
    run.finish()
    return str(Path(run.dir).parent)
