"""The callbacks watch the real libraries' loops, and change nothing in them."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

ROWS, STEPS = 64, 8


def rows() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    inputs = torch.randn(ROWS, 4)
    return inputs, inputs.sum(1, keepdim=True)


def train_with_lightning(
    folder: Path, callbacks: list[Any], epochs: int = 2, **how: Any
) -> nn.Module:
    lightning = pytest.importorskip("lightning.pytorch")

    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 1)

        def forward(self, inputs: torch.Tensor) -> Any:
            return self.layer(inputs)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = (self(batch[0]) - batch[1]).square().mean()
            self.log("loss", loss)
            return {"loss": loss}

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", (self(batch[0]) - batch[1]).square().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.05)

    torch.manual_seed(0)
    model = Model()
    data = TensorDataset(*rows())
    trainer = lightning.Trainer(
        **how, max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=callbacks,
        default_root_dir=folder, num_sanity_val_steps=1,
    )  # fmt: skip
    trainer.fit(model, DataLoader(data, batch_size=16), DataLoader(data, batch_size=64))
    return model


def train_with_transformers(
    folder: Path, callbacks: list[Any], epochs: int = 2, *, bare: bool = False, **how: Any
) -> nn.Module:
    """`bare`: the model gives no loss; the trainer makes it of what it gives."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Rows(Dataset[Any]):
        def __init__(self) -> None:
            self.inputs, self.targets = rows()

        def __len__(self) -> int:
            return ROWS

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            return {"inputs": self.inputs[index], "labels": self.targets[index]}

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 1)

        def forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> Any:
            out = self.layer(inputs)
            if bare:
                return {"logits": out}
            loss = (out - labels).square().mean()
            return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=out)

    torch.manual_seed(0)
    model = Model()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), num_train_epochs=epochs, per_device_train_batch_size=16,
        eval_strategy="epoch", report_to=[], save_strategy="no", use_cpu=True,
        learning_rate=0.05, disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
        max_grad_norm=0.0, **how,
    )  # fmt: skip

    class Bare(transformers.Trainer):  # type: ignore[misc, name-defined]
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, **named: Any
        ) -> Any:
            labels = inputs.pop("labels")
            out = model(**inputs, labels=labels)
            loss = (out["logits"] - labels).square().mean()
            return (loss, out) if return_outputs else loss

    trainer = (Bare if bare else transformers.Trainer)(
        model=model, args=arguments, train_dataset=Rows(), eval_dataset=Rows(), callbacks=callbacks
    )
    trainer.train()
    return model


def train_with_fastai(
    folder: Path, callbacks: list[Any], epochs: int = 2, accumulated: int = 1, mixed: bool = False
) -> nn.Module:
    # No environment of this checkout has fastai: it asks for a torchvision that is built for one
    # PyTorch. Where it was installed without what it asks for, two names of that suffice.
    with suppress(RuntimeError):
        for name in ("nms", "qnms"):
            boxes = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", boxes)
    learner = pytest.importorskip("fastai.learner")
    data = pytest.importorskip("fastai.data.load")
    progress = pytest.importorskip("fastai.callback.progress")
    optimizer = pytest.importorskip("fastai.optimizer")
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    loaders = [data.DataLoader(TensorDataset(*rows()), bs=size) for size in (16, 64)]
    more = []
    if accumulated > 1:
        training = pytest.importorskip("fastai.callback.training")
        more.append(training.GradientAccumulation(16 * accumulated))
    if mixed:
        more.append(pytest.importorskip("fastai.callback.fp16").MixedPrecision("bf16"))
    learn = learner.Learner(
        pytest.importorskip("fastai.data.core").DataLoaders(*loaders), model, lr=0.05,
        loss_func=lambda out, y: (out - y).square().mean(), opt_func=optimizer.SGD,
        cbs=[*callbacks, *more],
    )  # fmt: skip
    learn.remove_cb(progress.ProgressCallback)
    with learn.no_logging():
        learn.fit(epochs)
    return model


LIBRARIES: dict[str, Any] = {
    "lightning": train_with_lightning,
    "transformers": train_with_transformers,
    "fastai": train_with_fastai,
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.filterwarnings("ignore")  # of the libraries' own
def test_the_callback_watches_and_changes_nothing(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = __import__(f"steepest.integrations.{library}", fromlist=["WatchCallback"])
        train = LIBRARIES[library]
        plain = train(tmp_path / "plain", [])
        callback = module.WatchCallback(store=tmp_path / "runs.db", name="toy")
        watched = train(tmp_path / "watched", [callback])
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
    record = callback.watch.run.record
    assert record.steps == STEPS
    assert not record.dropped
    assert record.losses.count == STEPS
    assert record.losses.lowest < record.losses.start
    assert len(record.validations) == 2
    assert record.ended == "closed"
    assert callback.watch.run.id is not None
    assert not watched._forward_hooks
    assert not watched._forward_pre_hooks


VARIANTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    # name: the library, batches a step, and how it is told
    "trainer": ("transformers", 1, {}),
    "a loss of the trainer's own": ("transformers", 1, {"bare": True}),
    "trainer, accumulated": ("transformers", 2, {"gradient_accumulation_steps": 2}),
    "trainer, bfloat16": ("transformers", 1, {"bf16": True}),
    "lightning": ("lightning", 1, {}),
    "lightning, accumulated": ("lightning", 2, {"accumulate_grad_batches": 2}),
    "lightning, bfloat16": ("lightning", 1, {"precision": "bf16-mixed"}),
    "fastai": ("fastai", 1, {}),
    "fastai, accumulated": ("fastai", 2, {"accumulated": 2}),
    "fastai, mixed precision": ("fastai", 1, {"mixed": True}),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.filterwarnings("ignore")  # of the libraries' own
def test_a_trainer_is_probed_and_run_again(name: str, tmp_path: Path) -> None:
    """No closure has to be given; and all is bit for bit as without the callback."""
    library, batches, how = VARIANTS[name]
    pytest.importorskip(library)
    epochs = 3 * batches
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = __import__(f"steepest.integrations.{library}", fromlist=["WatchCallback"])
        train: Any = LIBRARIES[library]
        plain = train(tmp_path / "plain", [], epochs, **how)
        callback = module.WatchCallback(store=False, probe_every=4, prove=60.0)
        watched = train(tmp_path / "watched", [callback], epochs, **how)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
    record, steps = callback.watch.run.record, STEPS * 3 // 2
    assert not record.dropped
    assert [probe.step for probe in record.probes] == list(range(0, steps, 4))
    for probe in record.probes:
        losses = dict(zip(record.trace.step.tolist(), record.trace.loss.tolist(), strict=True))
        assert probe.loss == pytest.approx(losses[probe.step], rel=1e-5)
    assert record.losses.count == steps
    if library == "fastai":
        assert "optimizer" in record.not_measured["proof"]
        return
    assert record.proof is not None, record.not_measured["proof"]
    assert record.proof.steps == steps
    assert record.proof.differs_at is None
