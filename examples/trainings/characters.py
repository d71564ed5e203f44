"""A small transformer that learns to write, character by character, in the form of nanoGPT."""

import math
import sys
from pathlib import Path

import steepest
import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
block, width, heads, layers, batch, accumulated = 32, 64, 4, 2, 16, 2

text = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
letters = sorted(set(text))
coded = torch.tensor([letters.index(letter) for letter in text])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixing, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.thinking = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        rows, length, _ = x.shape
        parts = self.mixing(self.before(x)).view(rows, length, 3, heads, width // heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(rows, length, width))
        return x + self.thinking(self.between(x))


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(letters), width)
        self.places = nn.Embedding(block, width)
        self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(letters), bias=False)

    def forward(self, coded):
        x = self.letters(coded) + self.places(torch.arange(coded.shape[1]))
        return self.head(self.last(self.blocks(x)))


def drawn():
    begin = torch.randint(len(coded) - block - 1, (batch,))
    rows = torch.stack([coded[i : i + block + 1] for i in begin])
    return rows[:, :-1], rows[:, 1:]


model = Writer()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
warm = steps // 10
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer,
    lambda step: (
        (step + 1) / (warm + 1)
        if step < warm
        else 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
    ),
)

watch = steepest.watch(model, optimizer, name="characters")
for _ in range(steps):
    for _ in range(accumulated):
        inputs, targets = drawn()
        loss = functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        watch.loss(loss)
        (loss / accumulated).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
watch.close()
print(watch.run)
