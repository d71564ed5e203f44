"""Draw the pictures of figures.md: every kind, light and dark. Needs PyTorch.

`python -m docs.pictures` writes them, `--check` compares only, and sees that the page shows each
with its title as the words for who cannot see it.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import steepest
from steepest.run.explaining import LossExplanation
from steepest.run.training import TrainingRun
from steepest.show.figures import RUN, Figure, Theme

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
PAGE = "figures.md"

_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_A_TENTH = 0.11


def figures() -> Iterator[Figure]:
    """One figure of every kind: the tutorial's run, a parabola, a training, its loss, a network."""
    run = steepest.fit(
        DOCS.parent / "examples" / "speed.csv",
        "speed ~ a*time**2 + b*time + c",
        start={"a": 0.0121, "b": -0.6397, "c": 0.6416},
        lr=1e-5,
        steps=10,
        remedies=False,
    )
    parabola = steepest.minimize("x**2", start={"x": 3}, lr=0.9, steps=20, remedies=False)
    for kind in RUN:
        asked: dict[str, Any] = {"ylim": (-300, 100)} if kind == "panels" else {}
        yield (parabola if kind == "function" else run).figure(kind, **asked)
    training, loss = trained()
    watched = training.figures().figures
    yield from watched
    kinds = [figure.kind for figure in watched]
    network = steepest.train(
        DOCS.parent / "examples" / "digits.csv",
        "64-32-relu-10",
        target="digit",
        validation=0.2,
        steps=400,
        remedies=False,
    )
    yield from (figure for figure in network.figures().figures if figure.kind not in kinds)
    yield loss.figure()


def trained() -> tuple[TrainingRun, LossExplanation]:
    """A small network in float64 whose learning rate is raised too far, and a loss of it."""
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    inputs = torch.randn(256, 3)
    targets = torch.sin(inputs.sum(1, keepdim=True))
    model = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    rows = torch.arange(8)
    loss = steepest.explain((model(inputs[rows]) - targets[rows]).square().mean(), model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with steepest.watch(model, optimizer, store=False, probe_every=8) as watch:
        for step in range(136):
            if step == 120:
                optimizer.param_groups[0]["lr"] = 0.7
            rows = torch.randint(0, 192, (16,))

            def loss_of(rows: torch.Tensor = rows) -> torch.Tensor:
                errors: torch.Tensor = model(inputs[rows]) - targets[rows]
                return errors.square().mean()

            watch.probe(loss_of)
            watch.loss(found := loss_of())
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            if step % 8 == 0:
                with torch.no_grad():
                    watch.validation(loss_of(torch.arange(192, 256)))
    return watch.run, loss


def picture(figure: Figure) -> str:
    """How the page shows a figure: by what the reader's screen is."""
    folder, kind = PICTURES.name, figure.kind
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{folder}/{kind}-dark.svg">\n'
        f'  <img src="{folder}/{kind}-light.svg" alt="{html.escape(figure.title, quote=False)}">\n'
        "</picture>\n"
    )


def look_alike(one: str, other: str) -> bool:
    """Whether two SVGs say the same words and draw the same, to a tenth of a pixel.

    Where a number lies halfway between two tenths, another processor may round it to the other.

    >>> look_alike('<path d="M1.5 2"/>3.5', '<path d="M1.6 2"/>3.5')
    True
    >>> look_alike('<path d="M1.5 2"/>3.5', '<path d="M1.8 2"/>3.5')
    False
    >>> look_alike('<path d="M1.5 2"/>3.5', '<path d="M1.5 2"/>3.6')
    False
    """
    tags = [_TAG.findall(svg) for svg in (one, other)]
    if _TAG.split(one) != _TAG.split(other) or len(tags[0]) != len(tags[1]):
        return False
    for mine, theirs in zip(*tags, strict=True):
        if mine == theirs:
            continue
        if _NUMBER.split(mine) != _NUMBER.split(theirs):
            return False
        pairs = zip(_NUMBER.findall(mine), _NUMBER.findall(theirs), strict=True)
        if any(abs(float(a) - float(b)) > _A_TENTH for a, b in pairs):
            return False
    return True


def main() -> int:
    """Draw the pictures, or with --check say which are out of date; returns the exit code."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/figures.md.")
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    page = (DOCS / PAGE).read_text("utf-8")
    stale = []
    for figure in figures():
        if picture(figure) not in page:
            stale.append(f"{PAGE} must have:\n{picture(figure)}")
        for theme in get_args(Theme):
            path = PICTURES / f"{figure.kind}-{theme}.svg"
            drawn = figure.to_svg(theme=theme)
            if path.exists() and look_alike(path.read_text("utf-8"), drawn):
                continue
            if check:
                stale.append(path.name)
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_text(drawn, "utf-8")
    if stale:
        print(
            "Out of date in docs:",
            *stale,
            "Run: python -m docs.pictures",
            sep="\n",
            file=sys.stderr,
        )
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
