"""A store that Steepest 0.1 wrote opens, and its runs can be asked and gone on with."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest
from steepest.records.document import summary_document, to_json
from steepest.store.store import Store

WRITTEN = Path(__file__).parent / "version-0.1"
TOLD: dict[str, Any] = json.loads(gzip.decompress((WRITTEN / "documents.json.gz").read_bytes()))
FINISHED = [name for name, told in TOLD.items() if told["document"] is not None]

# States walked again on other versions of JAX may differ in their last digits, which is said.
pytestmark = pytest.mark.filterwarnings("ignore::steepest.StoreWarning")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(shutil.copyfile(WRITTEN / "runs.db", tmp_path / "runs.db"))


def id_of(name: str) -> str:
    return str(TOLD[name]["summary"]["id"])


def missing(old: Any, new: Any, where: str = "") -> list[str]:
    """Places at which `new` does not say what `old` said; it may say more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            place
            for key, part in old.items()
            for place in missing(part, new.get(key, "nothing"), f"{where}.{key}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return [place for a, b in pairs for place in missing(a, b, f"{where}[]")]
    return [] if type(old) is type(new) and old == new else [where]


def test_the_list_is_as_it_was(store: Store) -> None:
    found = {str(one.name): summary_document(one) for one in store.summaries()}
    assert found == {name: told["summary"] for name, told in TOLD.items()}
    assert found["killed"]["status"] == "killed"


@pytest.mark.parametrize("name", TOLD)
def test_its_options_are_as_they_were(name: str, store: Store) -> None:
    assert not missing(TOLD[name]["options"], json.loads(json.dumps(store.options(id_of(name)))))


@pytest.mark.parametrize("name", FINISHED)
def test_its_document_says_all_that_it_said(name: str, store: Store) -> None:
    run = steepest.load(id_of(name), store)
    assert not missing(TOLD[name]["document"], json.loads(to_json(run.to_dict())))


def test_comparing_sees_a_difference() -> None:
    told = TOLD["tutorial"]["document"]
    changed = {**told, "trace": {**told["trace"], "loss": [*told["trace"]["loss"][:-1], 0.0]}}
    assert missing(told, changed) == [".trace.loss[]"]
    assert missing(told, {**told, "new": 1}) == []


def test_any_step_can_be_walked_again(store: Store) -> None:
    run = steepest.load(id_of("tutorial"), store)
    assert isinstance(run, steepest.Run)
    told = TOLD["tutorial"]["at 7"]
    assert run.at(7).loss == pytest.approx(told["loss"], rel=1e-12)
    assert run.at(7).gradient == pytest.approx(told["gradient"], rel=1e-9)


def test_one_that_was_killed_goes_on(store: Store) -> None:
    done = TOLD["killed"]["trace"]
    trace = store.trace(id_of("killed"))
    assert (len(trace), int(trace.step[-1])) == (done["points"], done["last"])
    steps = TOLD["killed"]["summary"]["steps"] + 10
    run = steepest.minimize(resume=id_of("killed"), store=store, steps=steps, remedies=False)
    assert run.record.descent.steps == steps
    assert run.weights == pytest.approx({"x": 0.0, "y": 1.0}, abs=1e-12)


def test_a_fit_goes_on(store: Store) -> None:
    run = steepest.fit(resume=id_of("held out"), store=store, steps=201)
    before = TOLD["held out"]["document"]["trace"]
    assert run.trace.loss[: len(before["loss"])] == pytest.approx(before["loss"], rel=1e-12)
    assert steepest.load(str(run.id), store).to_dict() == run.to_dict()


def test_a_training_goes_on(store: Store) -> None:
    told = TOLD["network"]["document"]["learned"]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    kind = np.where(x[:, 0] * x[:, 1] + 0.3 * x[:, 2] > 0, "up", "down")
    columns = {"u": x[:, 0], "v": x[:, 1], "w": x[:, 2], "kind": kind}
    run = steepest.train(columns, resume=id_of("network"), store=store, epochs=5)
    assert [epoch.loss for epoch in run.epochs[:4]] == [epoch["loss"] for epoch in told["epochs"]]
    assert len(run.epochs) == 5
