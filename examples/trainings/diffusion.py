"""A diffusion model of two moons: a network that learns which noise was added."""

import math
import sys

import steepest
import torch
from torch import nn

torch.manual_seed(0)
steps, batch, levels = int(sys.argv[1]) if len(sys.argv) > 1 else 3000, 128, 100
kept = torch.cumprod(1 - torch.linspace(1e-4, 0.05, levels), 0)


def moons():
    angle, side = math.pi * torch.rand(batch), torch.randint(2, (batch,)) * 2 - 1.0
    x = torch.stack([side * angle.cos() + 0.5 * (1 - side), side * angle.sin()], 1)
    return x - torch.tensor([0.5, 0.0]) + 0.05 * torch.randn(batch, 2)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels = nn.Embedding(levels, 32)
        self.layers = nn.Sequential(
            nn.Linear(34, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 2)
        )

    def forward(self, x, level):
        return self.layers(torch.cat([x, self.levels(level)], 1))


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

with steepest.watch(model, optimizer, name="diffusion") as watch:
    for _ in range(steps):
        x, noise, level = moons(), torch.randn(batch, 2), torch.randint(levels, (batch,))
        share = kept[level, None]
        guess = model(share.sqrt() * x + (1 - share).sqrt() * noise, level)
        loss = (guess - noise).square().mean()
        watch.loss(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(watch.run)
