"""Uses once what is installed: `python uses.py EXAMPLE.csv core torch`, in an empty folder.

What is named must work. An extra that is not must work or say what to install. This runs where
nothing but Steepest may be installed, so nothing else is imported before it is used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.request import HTTPCookieProcessor, build_opener

import steepest

FORMULA: Final = "speed ~ a*time**2 + b*time + c"
START: Final = {"a": 0.0121, "b": -0.6397, "c": 0.6416}
PUBLISHED: Final = 283.98
"""The loss after ten steps, in the tutorial that the example is from."""

STEEPEST: Final = (sys.executable, "-m", "steepest")


def core(example: str) -> None:
    """Fit, keep, report, export, explain, train and serve, as a user types it."""
    start = ",".join(f"{name}={value}" for name, value in START.items())
    told = _told("fit", example, FORMULA, "--start", start, "--lr", "1e-5", "--steps", "10")
    assert "is not the minimum" in told
    (run,) = json.loads(_told("runs", "list", "--json"))["runs"]
    assert abs(run["loss"] - PUBLISHED) < 0.01
    assert run["id"] in _told("runs", "list")
    _told("runs", "report", run["id"], "--output", "run.html")
    assert "Steepest" in Path("run.html").read_text("utf-8")
    _told("runs", "export", run["id"], "--to", "parquet", "--output", "trace.parquet")
    assert Path("trace.parquet").read_bytes().startswith(b"PAR1")
    assert "SD201" in _told("explain", "SD201")
    train = ("train", example, "--network", "1-4-tanh-1", "--target", "speed", "--loss", "mse")
    _told(*train, "--epochs", "2", "--no-remedies")
    exec("from steepest import *", {})
    with subprocess.Popen([*STEEPEST, "lab", "--no-open", "--port", "0"], stdout=-1) as lab:
        assert lab.stdout is not None
        address = lab.stdout.readline().decode().split()[-1]
        try:
            with build_opener(HTTPCookieProcessor()).open(address) as page:
                assert b"lab.js" in page.read()
        finally:
            lab.terminate()


def torch(example: str) -> None:
    """Watch a loop of PyTorch."""
    watch = steepest.watch
    torch = import_module("torch")
    model, rows = torch.nn.Linear(3, 1), torch.randn(16, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as watched:
        for _ in range(4):
            loss = model(rows).square().mean()
            watched.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert watched.run.record.steps == 4


def figures(example: str) -> None:
    """Draw into files."""
    run = _fitted(example)
    for name, begins in (("all.png", b"\x89PNG"), ("all.svg", b"<svg"), ("all.pdf", b"%PDF")):
        run.figures().savefig(name)
        assert Path(name).read_bytes().startswith(begins)


def pictures(example: str) -> None:
    """Learn from a folder of pictures, which are PGM: that can be written by hand."""
    for number in range(8):
        folder = Path("pictures", "dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        gray = bytes([10 * number if number % 2 else 255 - number] * 4)
        (folder / f"{number}.pgm").write_bytes(b"P5 2 2 255\n" + gray)
    assert steepest.train("pictures", "4-2", epochs=2, remedies=False).accuracy is not None


def tensorboard(example: str) -> None:
    """Write an event file."""
    kept = _fitted(example).save()
    _told("runs", "export", kept, "--to", "tensorboard", "--output", "events")
    (events,) = Path("events").iterdir()
    assert b"gradient/a" in events.read_bytes()


def mlflow(example: str) -> None:
    """Write for MLflow."""
    kept = _fitted(example).save()
    _told("runs", "export", kept, "--to", "mlflow", "--output", "tracked")
    client = import_module("mlflow").MlflowClient(
        f"sqlite:///{Path('tracked/mlflow.db').resolve()}"
    )
    (run,) = client.search_runs([client.get_experiment_by_name("steepest").experiment_id])
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 11


def wandb(example: str) -> None:
    """Write for Weights & Biases."""
    kept = _fitted(example).save()
    _told("runs", "export", kept, "--to", "wandb-offline", "--output", "tracked")
    (written,) = Path("tracked").rglob("run-*.wandb")
    assert b"gradient/a" in written.read_bytes()


def keras(example: str) -> None:
    """Watch a training of Keras on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    callback = import_module("steepest.integrations.keras").WatchCallback()
    keras, numpy = import_module("keras"), import_module("numpy")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    rows = {"x": numpy.ones((16, 3)), "y": numpy.zeros((16, 1)), "batch_size": 8}
    model.fit(**rows, epochs=2, verbose=0, callbacks=[callback])
    assert callback.run.record.steps == 4


def notebook(example: str) -> None:
    """Show a run as a widget, and in a kernel with its picture."""
    assert _fitted(example).widget().step == 10
    manager, client = import_module("jupyter_client.manager").start_new_kernel()
    try:
        said: list[dict[str, Any]] = []
        code = f"import steepest\nsteepest.fit({example!r}, {FORMULA!r}, lr=1e-5, steps=10)"
        client.execute_interactive(code, output_hook=said.append, timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (shown,) = [part["content"]["data"] for part in said if part["msg_type"] == "execute_result"]
    assert "data:image/png;base64," in shown["text/html"]


def lightning(example: str) -> None:
    """Watch a loop of Lightning."""
    callback = import_module("steepest.integrations.lightning").WatchCallback()
    lightning, torch = import_module("lightning.pytorch"), import_module("torch")
    data = torch.utils.data

    class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            return self.layer(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.05)

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", callbacks=[callback], enable_checkpointing=False, **quiet
    )
    trainer.fit(Model(), data.DataLoader(data.TensorDataset(torch.randn(16, 3)), batch_size=8))
    assert callback.watch.run.record.steps == 4


def transformers(example: str) -> None:
    """Watch a loop of Hugging Face's Trainer."""
    callback = import_module("steepest.integrations.transformers").WatchCallback()
    transformers, torch = import_module("transformers"), import_module("torch")

    class Model(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def forward(self, inputs: Any, labels: Any) -> Any:
            out = self.layer(inputs)
            loss = (out - labels).square().mean()
            return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=out)

    rows = [{"inputs": torch.randn(3), "labels": torch.zeros(1)} for _ in range(16)]
    arguments = transformers.TrainingArguments(
        output_dir="trained", num_train_epochs=2, per_device_train_batch_size=8, use_cpu=True,
        report_to=[], save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = transformers.Trainer(Model(), arguments, train_dataset=rows, callbacks=[callback])
    trainer.train()
    assert callback.watch.run.record.steps == 4


def mcp(example: str) -> None:
    """Answer an agent."""
    _told("mcp")
    sdk, anyio = import_module("mcp"), import_module("anyio")
    folder = str(Path(example).parent)
    server = sdk.StdioServerParameters(
        command=STEEPEST[0], args=[*STEEPEST[1:], "mcp", "--folder", folder]
    )

    async def ask() -> Any:
        async with sdk.Client(sdk.stdio_client(server)) as client:
            given = {"data": Path(example).name, "formula": FORMULA, "lr": 1e-5, "steps": 10}
            return await client.call_tool("fit", {**given, "start": START})

    assert abs(anyio.run(ask).structured_content["loss"] - PUBLISHED) < 0.01


USES: Final[dict[Callable[[str], None], tuple[str, ...]]] = {
    torch: ("torch",),
    figures: ("quickjs", "vl_convert"),
    pictures: ("PIL",),
    tensorboard: ("tensorboardX",),
    mlflow: ("mlflow", "sqlalchemy", "alembic"),
    wandb: ("wandb", "PIL"),
    keras: ("keras",),
    mcp: ("mcp",),
    notebook: ("anywidget", "ipykernel", "quickjs", "vl_convert"),
    lightning: ("lightning", "torch"),
    transformers: ("transformers", "accelerate", "torch"),
}
"""Extra -> the modules that it brings."""


def main(example: str, *named: str) -> None:
    """Use everything, and tell what came of it."""
    if "core" in named:
        core(example)
        print("core: works")
    for use, modules in USES.items():
        refusal = _refusal(use, example)
        if use.__name__ in named or all(find_spec(module) for module in modules):
            assert not refusal, refusal
        else:
            assert f'pip install "steepest[{use.__name__}]"' in refusal, refusal
        print(f"{use.__name__}: {refusal or 'works'}")


def _refusal(use: Callable[[str], None], example: str) -> str:
    """What is said where it does not work; empty where it does."""
    try:
        use(example)
    except steepest.UsageError as error:
        return error.message
    except subprocess.CalledProcessError as error:
        return " ".join(error.stderr.split())
    return ""


def _told(*arguments: str) -> str:
    """Standard output of a command. Raises CalledProcessError."""
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(
        [*STEEPEST, *arguments],
        env=environment,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    ).stdout


@cache
def _fitted(example: str) -> steepest.Run:
    return steepest.fit(example, FORMULA, start=START, lr=1e-5, steps=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
