"""A generator and a discriminator that learn against each other: points on a ring of eight."""

import math
import sys

import steepest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as entropy

torch.manual_seed(0)
steps, batch = int(sys.argv[1]) if len(sys.argv) > 1 else 3000, 128


def real():
    angle = torch.randint(8, (batch,)) * (2 * math.pi / 8)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(batch, 2)


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
        nn.Linear(64, outputs),
    )  # fmt: skip


generator, judge = network(8, 2), network(2, 1)
making = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
judging = torch.optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.999))

made = steepest.watch(generator, making, name="generator")
judged = steepest.watch(judge, judging, name="discriminator")
for _ in range(steps):
    fake = generator(torch.randn(batch, 8))
    loss = entropy(judge(real()), torch.ones(batch, 1)) + entropy(
        judge(fake.detach()), torch.zeros(batch, 1)
    )
    judged.loss(loss)
    judging.zero_grad()
    loss.backward()
    judging.step()

    loss = entropy(judge(fake), torch.ones(batch, 1))
    made.loss(loss)
    making.zero_grad()
    loss.backward()
    making.step()
made.close()
print(made.run)
judged.close()
print(judged.run)
