"""What others read, and what is kept."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests import specimens

from steepest.records.descent import Trace
from steepest.records.document import document, hardest_row, to_json
from steepest.records.kept import FORMAT, decode, encode
from steepest.records.run import RunRecord
from steepest.words.errors import StoreError

# The contract's document, key by key.
CONTRACT: dict[str, set[str]] = {
    "": {
        *("steepest", "command", "run", "problem", "descent", "trace", "weights", "curvature"),
        *("stability_limit", "minimum", "forecast", "verdict", "remedies", "seconds"),
        "not_measured",
    },
    "problem": {"formula", "loss", "rows", "weights", "linear_in_weights"},
    "descent": {"optimizer", "lr", "steps", "stopped", "stopped_why"},
    "trace": {"step", "loss", "weights", "gradient"},
    "weights.a": {
        "start",
        "value",
        "gradient",
        "partial",
        "partial_latex",
        "nudge",
        "pulls",
        "at_bound",
    },
    "weights.a.nudge": {"by", "predicted", "actual"},
    "weights.a.pulls.0": {"row", "amount", "share"},
    "curvature": {"largest", "smallest", "condition", "most_negative", "residual", "at"},
    "minimum": {"loss", "weights", "found_by", "gap"},
    "forecast": {"to", "steps", "basis"},
    "statistics": {
        *("at", "rows", "free_weights", "degrees_of_freedom", "weights", "correlations"),
        *("residual_sum_of_squares", "residual_deviation", "reduced_chi_square", "r_squared"),
        *("adjusted_r_squared", "aic", "bic", "influence", "sigma", "not_measured"),
    },
    "statistics.weights.a": {"value", "standard_error", "identifiable", "at_bound", "reason"},
    "statistics.correlations.0": {"between", "value"},
    "verdict": {"learning_rate", "headline", "findings"},
    "verdict.findings.0": {"code", "severity", "sentence", "evidence"},
    "remedies.0": {
        *("change", "sentence", "command", "predicted_steps", "measured_steps", "measured_loss"),
        "reached",
    },
}


def part(found: Any, path: str) -> Any:
    for key in path.split(".") if path else []:
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


@pytest.mark.parametrize("path", CONTRACT, ids=lambda path: path or "document")
def test_the_document_has_every_key_of_the_contract(path: str) -> None:
    read = json.loads(to_json(document(specimens.tutorial())))
    assert CONTRACT[path] <= part(read, path).keys()


def test_the_document_says_what_the_tutorial_printed() -> None:
    read = json.loads(to_json(document(specimens.tutorial())))
    assert read["trace"]["step"] == list(range(11))
    published = [679.2726, 358.8021, 298.1575, 286.6799, 284.5061, 284.0929]
    assert read["trace"]["loss"][:6] == pytest.approx(published, abs=1e-4)
    assert read["trace"]["gradient"]["a"][0] == pytest.approx(-6668.8774, abs=1e-4)
    assert read["weights"]["a"]["start"] == 0.0121
    assert read["weights"]["a"]["value"] == read["trace"]["weights"]["a"][-1]
    assert read["minimum"]["gap"] == pytest.approx(283.9855 - 1.042836, abs=1e-4)
    assert read["curvature"]["condition"] == pytest.approx(218450.6, abs=0.1)
    assert read["run"] is None


def test_at_a_step_the_weights_are_those_of_that_step() -> None:
    record = specimens.tutorial()
    read = document(replace(record, explanation=record.beginning))
    assert read["explained_at"] == 0
    assert read["weights"]["a"]["value"] == 0.0121
    assert [pull["row"] for pull in read["weights"]["a"]["pulls"][:3]] == [19, 18, 17]
    shares = [pull["share"] for pull in read["weights"]["a"]["pulls"][:3]]
    assert shares == pytest.approx([0.288, 0.208, 0.158], abs=5e-4)


def test_the_backward_pass_is_told_on_the_row_that_pulls_hardest() -> None:
    record = specimens.tutorial()
    read = document(replace(record, explanation=record.beginning))["backward"]
    assert read["row"] == 19
    loss, square, residual, prediction = reversed(read["nodes"][-4:])
    assert (loss["adjoint"], loss["per_row"]) == (1.0, False)
    assert square["adjoint"] == pytest.approx(1 / 20)
    assert residual["adjoint"] == pytest.approx(2 * residual["value"] / 20)
    assert prediction["value"] == pytest.approx(0.0121 * 361 - 0.6397 * 19 + 0.6416)


def test_where_no_row_pulls_there_is_no_hardest() -> None:
    assert hardest_row(specimens.parabola().explanation) is None


def test_what_was_not_measured_is_null_and_has_a_reason() -> None:
    record = specimens.tutorial()
    measured = replace(
        record.measurements,
        spectrum=None,
        stability_limit=None,
        minimum=None,
        forecast=None,
        statistics=None,
    )
    read = document(replace(record, measurements=measured))
    for name in ("curvature", "stability_limit", "minimum", "forecast", "statistics"):
        assert read[name] is None
        assert read["not_measured"][name].endswith(".")


def test_an_eigenvalue_that_did_not_converge_is_not_measured() -> None:
    record = specimens.tutorial()
    spectrum = record.measurements.spectrum
    assert spectrum is not None
    rough = replace(spectrum, residuals=np.array([1e-12, 1e-3, 1e-12]))
    read = document(replace(record, measurements=replace(record.measurements, spectrum=rough)))
    assert read["curvature"] is None
    assert "0.001" in read["not_measured"]["curvature"]


def trace(points: int) -> Trace:
    step = 3 * np.arange(points, dtype=np.int64)
    numbers = np.linspace(1.0, 2.0, points)
    return Trace(("x",), step, numbers, numbers[:, None], -numbers[:, None], numbers)


@pytest.mark.parametrize("points", [1, 2, 1000, 1001, 1002, 1003, 2000, 2001, 2002, 65_536])
def test_a_trace_is_thinned_evenly_with_both_ends(points: int) -> None:
    whole = trace(points)
    read = document(replace(specimens.parabola(), trace=whole))["trace"]
    assert len(read["step"]) <= 1001
    assert (read["step"][0], read["step"][-1]) == (0, 3 * (points - 1))
    gaps = np.diff(read["step"])
    assert len(set(gaps[:-1])) <= 1
    assert all(gap <= gaps[0] for gap in gaps[-1:])
    if points <= 1001:
        assert len(read["step"]) == points
    lengths = {len(read["loss"]), len(read["weights"]["x"]), len(read["validation"])}
    assert lengths == {len(read["step"])}


def test_numbers_that_are_not_finite_have_names() -> None:
    record = specimens.diverged()
    record.trace.gradient[-1] = math.nan, math.inf, -math.inf
    read = json.loads(to_json(document(record)), parse_constant=pytest.fail)
    assert read["trace"]["loss"][-1] == "Infinity"
    ends = [read["trace"]["gradient"][name][-1] for name in "abc"]
    assert ends == ["NaN", "Infinity", "-Infinity"]


def test_a_file_name_that_is_not_utf8_can_be_sent() -> None:
    record = specimens.tutorial()
    problem = replace(record.problem, source="caf\udce9.csv", formula="größe ~ a")
    text = to_json(document(replace(record, problem=problem)))
    assert "größe" in text
    assert json.loads(text.encode("utf-8"))["problem"]["source"] == "caf\udce9.csv"


def test_json_refuses_what_document_would_have_named() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"loss": math.nan})


# What is kept

floats = st.floats(allow_nan=True, allow_infinity=True)
whole_numbers = st.integers(min_value=-(2**62), max_value=2**62)
anything = st.recursive(
    st.none() | st.booleans() | whole_numbers | floats | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["$map", "$float"]), inner)
    ),
    max_leaves=4,
)


def some(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that an annotation of a record allows."""
    simple: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
        float: lambda: floats,
        int: lambda: whole_numbers,
        bool: st.booleans,
        str: lambda: st.text(max_size=8),
        object: lambda: anything,
        types.NoneType: st.none,
    }
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in simple:
        return simple[hint]()
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{name: some(part) for name, part in hints.items()})
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([some(part) for part in inner])
    if origin is np.ndarray:
        kind = typing.get_args(inner[1])[0]
        shapes = arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
        return arrays.arrays(np.dtype(kind), shapes)
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(some(inner[0]), max_size=1).map(tuple)
    if origin is tuple:
        return st.tuples(*(some(part) for part in inner))
    assert issubclass(origin, Mapping), hint
    return st.dictionaries(some(inner[0]), some(inner[1]), max_size=2)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return np.float64(left).tobytes() == np.float64(right).tobytes() or (
            math.isnan(left) and math.isnan(right)
        )
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
        )
    if type(left) is not type(right):
        return False
    if dataclasses.is_dataclass(left):
        names = [field.name for field in dataclasses.fields(left)]
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def back(record: RunRecord) -> RunRecord:
    """Through the very text that a store keeps."""
    found = decode(*encode(record))
    assert isinstance(found, RunRecord)
    return found


@settings(max_examples=40)
@given(some(RunRecord))
def test_a_record_comes_back_as_it_was(record: RunRecord) -> None:
    assert same(back(record), record)


@pytest.mark.parametrize("make", [specimens.tutorial, specimens.diverged, specimens.parabola])
def test_a_run_comes_back_as_it_was(make: Callable[[], RunRecord]) -> None:
    assert same(back(make()), make())
    assert document(back(make())) == document(make())


def test_comparing_sees_a_difference() -> None:
    record = specimens.tutorial()
    assert not same(record, replace(record, seconds=math.nextafter(0.9, 1)))
    assert not same(record, replace(record, trace=replace(record.trace, loss=-record.trace.loss)))


def test_where_anything_may_stand_a_tuple_comes_back_as_a_list() -> None:
    found = back(replace(specimens.tutorial(), call={"bounds": {"c": (-math.inf, 1.0)}}))
    assert found.call == {"bounds": {"c": [-math.inf, 1.0]}}


class Text(str):
    """As PyTorch's version is."""


def test_what_is_a_kind_of_text_number_or_mapping_is_kept_as_that() -> None:
    given = {"text": Text("2.6"), "whole": np.int64(3), "share": np.float64(0.1)}
    found = back(replace(specimens.tutorial(), call=types.MappingProxyType(given)))
    assert found.call == {"text": "2.6", "whole": 3, "share": 0.1}
    assert [type(value) for value in found.call.values()] == [str, int, float]


def test_equal_arrays_are_kept_once() -> None:
    record = specimens.tutorial()
    twice = replace(record, explanation=record.beginning)
    assert len(encode(twice)[1]) < len(encode(record)[1])


Told = dict[str, Any]

DAMAGED: dict[str, tuple[Callable[[Told], object], str]] = {
    "newer": (lambda told: told.update(format=FORMAT + 1), "Install a newer Steepest"),
    "older": (lambda told: told.update(format=0), "does not know"),
    "no version": (lambda told: told.pop("format"), "damaged"),
    "version is text": (lambda told: told.update(format="1"), "damaged"),
    "no record": (lambda told: told.pop("record"), "damaged"),
    "another kind": (lambda told: told.update(kind="sweep"), "damaged"),
    "a part is gone": (lambda told: told["record"].pop("trace"), "damaged"),
    "no array": (lambda told: told["record"]["trace"].update(loss=99_999), "damaged"),
    "no number": (lambda told: told["record"].update(seconds="1"), "damaged"),
    "no mapping": (lambda told: told["record"].update(start=[1]), "damaged"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_run_is_refused(damage: Callable[[Told], object], says: str) -> None:
    text, arrays = encode(specimens.tutorial())
    told = json.loads(text)
    damage(told)
    with pytest.raises(StoreError, match=says):
        decode(json.dumps(told), arrays)


def test_only_data_can_be_kept() -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        encode(replace(specimens.tutorial(), call={"progress": print}))
