"""Logs as libraries write them, by the libraries where they are installed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.cases_of_logs import healthy

from steepest.data.logs import LogTable, chosen_columns, read_log
from steepest.words.errors import InputError, UsageError

ROWS = healthy(3)[:40]
LOSSES = [row["loss"] for row in ROWS]
NOTHING = dict.fromkeys(("loss", "step", "lr", "grad_norm", "validation"))


def found(table: LogTable) -> dict[str, str]:
    return dict(chosen_columns(table, NOTHING).columns)  # type: ignore[arg-type]


def told(table: LogTable, name: str) -> list[float]:
    column = table.columns[name]
    return [float(value) for value in column.values[column.told]]


def test_lightnings_metrics(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logger = CSVLogger(str(tmp_path), name="", version="")
    for row in ROWS:
        step = int(row["step"])
        logger.log_metrics({"lr-SGD": row["lr"]}, step=step)
        logger.log_metrics({"train_loss_step": row["loss"], "grad_norm": row["grad_norm"]}, step)
        if step % 10 == 9:
            logger.log_metrics({"val_loss": 2 * row["loss"], "train_loss_epoch": 1.0}, step)
    logger.save()
    table = read_log(tmp_path)
    assert found(table) == {
        "loss": "train_loss_step", "validation": "val_loss", "step": "step", "lr": "lr-SGD",
        "grad_norm": "grad_norm",
    }  # fmt: skip
    assert told(table, "train_loss_step") == LOSSES
    assert told(table, "val_loss") == [2 * loss for loss in LOSSES[9::10]]


def test_hugging_faces_trainer_state(tmp_path: Path) -> None:
    from transformers import TrainerState

    state = TrainerState(log_history=[])
    for row in ROWS:
        state.log_history.append(
            {"loss": row["loss"], "grad_norm": math.nan, "learning_rate": 1e-3, "epoch": 0.5,
             "step": int(row["step"]) + 1}
        )  # fmt: skip
    state.log_history.append({"eval_loss": 1.25, "epoch": 1.0, "step": 40})
    state.log_history.append({"train_loss": 0.9, "train_runtime": 3.0, "step": 40})
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    table = read_log(tmp_path / "trainer_state.json")
    assert found(table) == {
        "loss": "loss", "validation": "eval_loss", "step": "step", "lr": "learning_rate",
        "grad_norm": "grad_norm",
    }  # fmt: skip
    assert told(table, "loss") == LOSSES
    assert np.isnan(told(table, "grad_norm")).all()


def write_events(folder: Path, tags: Sequence[str]) -> None:
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for row in ROWS:
            for tag in tags:
                writer.add_scalar(tag, row["loss"], int(row["step"]))


def test_tensorboards_events(tmp_path: Path) -> None:
    write_events(tmp_path, ["train/loss", "lr"])
    write_events(tmp_path / "validation", ["epoch_loss"])
    table = read_log(tmp_path)
    assert found(table) == {
        "loss": "train/loss", "validation": "validation/epoch_loss", "step": "step", "lr": "lr"
    }  # fmt: skip
    assert told(table, "train/loss") == [float(np.float32(loss)) for loss in LOSSES]
    assert read_log(next(tmp_path.glob("events*"))).kind == "TensorBoard's events"


def test_scalars_as_tensorflow_2_writes_them(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.proto.tensor_pb2 import TensorProto
    from tensorboardX.record_writer import RecordWriter

    path = tmp_path / "events.out.tfevents.1.host"
    writer = RecordWriter(str(path))
    contents = [
        TensorProto(dtype=1, float_val=[0.5]),
        TensorProto(dtype=1, tensor_content=np.float32(0.25).tobytes()),
        TensorProto(dtype=2, tensor_content=np.float64(0.125).tobytes()),
        TensorProto(dtype=7, string_val=[b"no number"]),
    ]
    for step, tensor in enumerate(contents):
        value = Summary.Value(tag="loss", tensor=tensor)
        writer.write(Event(step=step, summary=Summary(value=[value])).SerializeToString())
    writer.close()
    assert told(read_log(path), "loss") == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_an_event_file_is_read_up_to_where_it_is_damaged(damage: str, tmp_path: Path) -> None:
    write_events(tmp_path, ["loss"])
    path = next(tmp_path.glob("events*"))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) * 3 // 4]
    else:
        data[len(data) * 3 // 4] ^= 255
    path.write_bytes(bytes(data))
    table = read_log(path)
    assert 10 < len(told(table, "loss")) < len(ROWS)
    assert "damaged or unfinished" in table.notes[0]


def test_kerass_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = [f"{n},0.5,{loss},0.4,{2 * loss}" for n, loss in enumerate(LOSSES)]
    path.write_text("\n".join(["epoch,accuracy,loss,val_accuracy,val_loss", *lines]))
    assert found(read_log(path)) == {"loss": "loss", "validation": "val_loss", "step": "epoch"}


def test_an_export_of_weights_and_biases(tmp_path: Path) -> None:
    path = tmp_path / "wandb_export.csv"
    run = "brisk-sun-7"
    head = ["Step", f"{run} - train/loss", f"{run} - train/loss__MIN", f"{run} - train/loss__MAX"]
    lines = [f'"{n}","{loss}","{loss}","{loss}"' for n, loss in enumerate(LOSSES)]
    path.write_text("\n".join([",".join(f'"{name}"' for name in head), *lines]))
    assert found(read_log(path)) == {"loss": head[1], "step": "Step"}


def test_a_history_of_weights_and_biases(tmp_path: Path) -> None:
    path = tmp_path / "wandb-history.jsonl"
    rows = [
        {"_step": n, "_runtime": n / 10, "train": {"loss": loss}, "text": "no number",
         "val_loss": "NaN" if n % 5 == 0 else None}
        for n, loss in enumerate(LOSSES)
    ]  # fmt: skip
    path.write_text("\n".join([*map(json.dumps, rows), '{"_step": 41, "tra']))
    table = read_log(path)
    assert found(table) == {"loss": "train/loss", "validation": "val_loss", "step": "_step"}
    assert np.isnan(told(table, "val_loss")).all()
    assert table.notes == ("1 line that no row can be read from passed over",)


def test_an_export_of_mlflow(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    lines = ["run_id,key,value,step,timestamp"]
    for n, loss in enumerate(LOSSES):
        lines += [f"abc,train_loss,{loss},{n},17", f"abc,val_loss,{2 * loss},{n},17"]
    path.write_text("\n".join(lines))
    table = read_log(path)
    assert found(table) == {"loss": "train_loss", "validation": "val_loss", "step": "step"}
    assert told(table, "train_loss") == LOSSES


def test_lists_by_name(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"loss": LOSSES, "val_loss": LOSSES[:5], "note": "x"}))
    table = read_log(path)
    assert told(table, "loss") == LOSSES
    assert told(table, "val_loss") == LOSSES[:5]


@pytest.mark.parametrize(
    ("names", "loss"),
    [
        pytest.param(["train_loss", "loss"], "loss", id="the-plain-name"),
        pytest.param(["val_loss", "trainLoss"], "trainLoss", id="camel"),
        pytest.param(["Training Loss", "Validation Loss"], "Training Loss", id="blanks"),
        pytest.param(["box_loss", "total_loss"], "total_loss", id="the-sum"),
        pytest.param(["reconstruction_loss", "accuracy"], "reconstruction_loss", id="the-only-one"),
        pytest.param(["eval/loss", "lossless"], None, id="none"),
        pytest.param(["box_loss", "cls_loss"], None, id="parts"),
    ],
)
def test_the_loss_by_its_name(names: list[str], loss: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + "\n".join(["1,2", "3,4"]))
    table = read_log(path)
    if loss is None:
        with pytest.raises(UsageError, match="--loss COLUMN"):
            found(table)
    else:
        assert found(table)["loss"] == loss


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no log"):
        read_log(tmp_path)
