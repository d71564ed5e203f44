"""A real training of PyTorch in a process of its own, which is told when its rate is to grow.

`python -m tests.browser.trained STORE` trains until its input ends; the line "too large" gives it
two hundred times its learning rate.
"""

from __future__ import annotations

import sys
import threading
import time

import torch
from torch import nn

import steepest
from steepest.run import keeping


def train(store: str) -> None:
    """A small network on rows that a sine explains, twenty steps a second."""
    said: list[str] = []

    def hear() -> None:
        for line in sys.stdin:
            said.append(line.strip())
        said.append("end")

    threading.Thread(target=hear, daemon=True).start()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    inputs = torch.randn(300, 5)
    targets = inputs.sum(1, keepdim=True).sin()
    with steepest.watch(model, optimizer, name="a sine", store=store, probe_every=16) as watch:
        step = 0
        while "end" not in said:
            if "too large" in said:
                said.remove("too large")
                optimizer.param_groups[0]["lr"] *= 200
            rows = torch.randint(0, 300, (32,))

            def loss_of(rows: torch.Tensor = rows) -> torch.Tensor:
                errors: torch.Tensor = model(inputs[rows]) - targets[rows]
                return errors.square().mean()

            watch.probe(loss_of)
            loss = loss_of()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % 10 == 0:
                with torch.no_grad():
                    watch.validation((model(inputs) - targets).square().mean())
            time.sleep(0.05)


if __name__ == "__main__":
    # A test has no time to wait for what is kept every few seconds.
    keeping.KEEP_SECONDS = 0.5  # type: ignore[misc]
    train(sys.argv[1])
