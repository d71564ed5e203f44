"""The GAN of gan.py in Lightning, which leaves the steps of two optimizers to the module."""

import logging
import math
import sys
import warnings

import lightning.pytorch as lightning
import steepest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as entropy
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")
lightning.seed_everything(0, verbose=False)
steps, batch = int(sys.argv[1]) if len(sys.argv) > 1 else 1500, 128


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
        nn.Linear(64, outputs),
    )  # fmt: skip


class Gan(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.judge = network(8, 2), network(2, 1)

    def configure_optimizers(self):
        networks = self.generator, self.judge
        how = {"lr": 1e-3, "betas": (0.5, 0.999)}
        return [torch.optim.Adam(one.parameters(), **how) for one in networks]

    def on_train_start(self):
        making, judging = self.trainer.optimizers
        self.made = steepest.watch(self.generator, making, name="generator")
        self.judged = steepest.watch(self.judge, judging, name="discriminator")

    def training_step(self, points):
        making, judging = self.optimizers()
        (real,) = points
        fake = self.generator(torch.randn(len(real), 8))
        true, false = torch.ones(len(real), 1), torch.zeros(len(real), 1)

        loss = entropy(self.judge(real), true) + entropy(self.judge(fake.detach()), false)
        self.judged.loss(loss)
        judging.zero_grad()
        self.manual_backward(loss)
        judging.step()

        loss = entropy(self.judge(fake), true)
        self.made.loss(loss)
        making.zero_grad()
        self.manual_backward(loss)
        making.step()

    def on_train_end(self):
        self.made.close()
        self.judged.close()


angle = torch.randint(8, (4096,)) * (2 * math.pi / 8)
ring = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(4096, 2)
model = Gan()
lightning.Trainer(
    max_steps=2 * steps, accelerator="cpu", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False,
).fit(model, DataLoader(TensorDataset(ring), batch, shuffle=True))  # fmt: skip
print(model.made.run)
print(model.judged.run)
