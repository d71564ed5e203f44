"""Columns to samples: what is taken, in what order, and one sentence where it cannot be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.samples.columns import read_columns, read_like
from steepest.data.samples.layout import picture_of
from steepest.data.samples.record import Samples
from steepest.data.table.delimited import read_delimited
from steepest.data.table.source import read_table
from steepest.words.errors import InputError, SteepestError, UsageError

DIGITS = Path(__file__).parents[3] / "examples" / "digits.csv"


def from_csv(text: str, target: str = "b", **settings: Any) -> Samples:
    return read_columns(read_delimited(text.encode(), "data.csv"), target, **settings)


def test_the_digits_of_the_examples_are_those_of_scikit_learn() -> None:
    samples = read_columns(read_table(DIGITS), "digit")
    from sklearn.datasets import load_digits

    inputs, digits = load_digits(return_X_y=True)
    assert samples.inputs.dtype == np.float32
    np.testing.assert_array_equal(samples.inputs, inputs)
    np.testing.assert_array_equal(samples.targets, digits)
    assert samples.classes == tuple("0123456789")
    assert samples.picture == (8, 8)
    assert (samples.target, samples.left_out, len(samples)) == ("digit", 0, 1797)


def test_words_as_classes() -> None:
    from sklearn.datasets import load_iris

    iris = load_iris()
    flowers: dict[str, Any] = dict(zip(iris.feature_names, iris.data.T, strict=True))
    flowers["species"] = iris.target_names[iris.target]
    samples = read_columns(read_table(flowers), "species")
    assert samples.classes == ("setosa", "versicolor", "virginica")
    assert samples.names == tuple(iris.feature_names)
    assert samples.picture is None
    np.testing.assert_array_equal(samples.inputs, iris.data.astype(np.float32))
    np.testing.assert_array_equal(samples.targets, iris.target)


CLASSES: dict[str, tuple[list[str], tuple[str, ...], list[int]]] = {
    "numbers go by size": (["10", "9", "10"], ("9", "10"), [1, 0, 1]),
    "minus one and one": (["1", "-1", "1"], ("-1", "1"), [1, 0, 1]),
    "ways to write a number": (["3", "3.0", "03", "1e0"], ("1", "3"), [1, 1, 1, 0]),
    "an infinite number is left out": (["0", "inf", "1"], ("0", "1"), [0, 1]),
    "words and numbers": (["b", "10", "9"], ("10", "9", "b"), [2, 0, 1]),
    "truths": (["true", "false", "true"], ("false", "true"), [1, 0, 1]),
    "infinity as a word": (["inf", "sup", "inf"], ("inf", "sup"), [0, 1, 0]),
    "long numbers are names": (
        ["9007199254740993", "9007199254740992"],
        ("9007199254740992", "9007199254740993"),
        [1, 0],
    ),
}


@pytest.mark.parametrize(("labels", "classes", "places"), CLASSES.values(), ids=CLASSES)
def test_classes_in_order(labels: list[str], classes: tuple[str, ...], places: list[int]) -> None:
    samples = from_csv("a,b\n" + "".join(f"1,{label}\n" for label in labels))
    assert samples.classes == classes
    assert samples.targets.tolist() == places


def test_incomplete_rows_are_left_out_and_counted() -> None:
    samples = from_csv("a,b,c\n1,u,1\n,v,2\n3,,3\ninf,v,4\n5,v,5\n")
    assert samples.rows.tolist() == [0, 4]
    assert samples.inputs.tolist() == [[1, 1], [5, 5]]
    assert samples.left_out == 3


def test_the_condition_and_the_inputs_that_are_chosen() -> None:
    text = "a,b,c\n1,u,1\n2,v,\n3,u,3\n4,v,4\n5,w,5\n"
    samples = from_csv(text, inputs=["c"], where="a > 1 and a < 5")
    assert samples.names == ("c",)
    assert samples.classes == ("u", "v")
    assert samples.rows.tolist() == [2, 3]
    assert samples.left_out == 1


def test_numbers_to_be_found() -> None:
    samples = from_csv("a,b\n1,0.5\n2,\n3,3.5\n", numbers=True)
    assert samples.classes is None
    assert samples.targets.dtype == np.float32
    assert samples.targets.tolist() == [[0.5], [3.5]]


def test_a_wide_table_is_read_in_blocks() -> None:
    values = np.arange(1200.0).reshape(2, 600)
    columns: dict[str, Any] = {f"x{n}": values[:, n] for n in range(600)}
    samples = read_columns(read_table({**columns, "kind": ["u", "v"]}), "kind")
    np.testing.assert_array_equal(samples.inputs, values)


PICTURES: dict[str, tuple[list[str], tuple[int, int] | None]] = {
    "from 0": ([f"pixel{n}" for n in range(784)], (28, 28)),
    "from 1": ([f"pixel{n}" for n in range(1, 785)], (28, 28)),
    "no square": ([f"pixel{n}" for n in range(783)], None),
    "from 2": ([f"pixel{n}" for n in range(2, 6)], None),
    "row and column": ([f"r{r}c{c}" for r in range(2) for c in range(3)], (2, 3)),
    "as in MNIST's CSV": ([f"{r}x{c}" for r in range(1, 29) for c in range(1, 29)], (28, 28)),
    "scikit-learn": ([f"pixel_{r}_{c}" for r in range(8) for c in range(8)], (8, 8)),
    "column by column": ([f"r{r}c{c}" for c in range(2) for r in range(3)], None),
    "one is missing": (["r0c0", "r0c1", "r1c1"], None),
    "one too many": (["r0c0", "r0c1", "r1c0", "r1c1", "age"], None),
    "a single row": (["r0c0", "r0c1"], None),
    "other names": (["time", "speed", "a", "b"], None),
}


@pytest.mark.parametrize(("names", "shape"), PICTURES.values(), ids=PICTURES)
def test_pictures_are_known_by_their_names(names: list[str], shape: tuple[int, int] | None) -> None:
    assert picture_of(names) == shape


def many_classes(number: int, word: str = "") -> str:
    return "a,b\n" + "".join(f"1,{word}{n}\n" for n in range(number))


# id: what is read, and what the message must name
REFUSED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "no such target": (lambda: from_csv("a,b\n1,u\n", "bb"), ['"bb"', 'Did you mean "b"?']),
    "nothing like the target": (lambda: from_csv("a,b\n1,u\n", "kind"), ['"kind"', "a and b"]),
    "text among the inputs": (
        lambda: from_csv("a,b\n1,u\nsmall,v\n"),
        ['Column "a"', "row 1 (line 3 of the file)", '"small"', "leave it out"],
    ),
    "one class only": (lambda: from_csv("a,b\n1,u\n2,u\n"), ['"b"', "one class only", '"u"']),
    "one class after gaps": (lambda: from_csv("a,b\n1,u\n,v\n"), ["one class only", '"u"']),
    "not whole": (lambda: from_csv("a,b\n1,4\n1,3.7\n"), ['"b"', '"3.7"', "--loss mse"]),
    "1,001 numbers": (lambda: from_csv(many_classes(1001)), ["1,001", "1,000", "--loss mse"]),
    "1,001 words": (lambda: from_csv(many_classes(1001, "w")), ["1,001", "that has fewer"]),
    "no rows": (lambda: from_csv("a,b\n"), ["no rows"]),
    "pixels that are NaN": (
        lambda: from_csv("pixel0,pixel1,b\nnan,1,u\nnan,2,v\n"),
        ["No row", 'column "pixel0" lacks one in 2'],
    ),
    "targets that are missing": (lambda: from_csv("a,b\n1,\n2,\n"), ['column "b" lacks one in 2']),
    "nothing fulfils the condition": (
        lambda: from_csv("a,b\n1,u\n2,v\n", where="a>5"),
        ["fulfils the condition", '"a>5"'],
    ),
    "no condition": (lambda: from_csv("a,b\n1,u\n2,v\n", where="a+1"), ["a+1"]),
    "a condition on words": (lambda: from_csv("a,b\n1,u\n2,v\n", where="b > 1"), ['"u"']),
    "no such input": (lambda: from_csv("aa,b\n1,u\n", inputs=["a"]), ['"a"', '"aa"']),
    "too large for float32": (
        lambda: from_csv("a,b\n1,u\n1e300,v\n"),
        ['"a"', "3.4e38", "row 1", "1e+300"],
    ),
    "a target too large": (
        lambda: from_csv("a,b\n1,1\n2,-1e39\n", numbers=True),
        ['"b"', "-1e+39"],
    ),
    "words where numbers are to be found": (
        lambda: from_csv("a,b\n1,u\n2,v\n", numbers=True),
        ['Column "b"', '"u"'],
    ),
    "nothing beside the target": (lambda: from_csv("b\nu\nv\n"), ['"b"', "no column beside"]),
}


@pytest.mark.parametrize(("read", "named"), REFUSED.values(), ids=REFUSED)
def test_one_sentence_says_what_is_wrong(read: Callable[[], Any], named: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read()
    for name in named:
        assert name in caught.value.message


@pytest.mark.parametrize(("inputs"), [["a", "b"], []], ids=["the target", "none"])
def test_inputs_that_cannot_be(inputs: list[str]) -> None:
    with pytest.raises(UsageError):
        from_csv("a,b\n1,u\n2,v\n", inputs=inputs)


# New rows


@pytest.fixture
def training() -> Samples:
    return from_csv("a,c,b\n1,2,u\n2,3,v\n4,4,w\n")


def test_new_rows_need_no_target_and_may_stand_in_another_order(training: Samples) -> None:
    new = read_like(training, read_table({"c": [5, np.nan, 7], "x": ["?", "", ""], "a": [1, 2, 3]}))
    assert new.inputs.tolist() == [[1, 5], [3, 7]]
    assert new.rows.tolist() == [0, 2]
    assert new.targets is None
    assert (new.left_out, len(new)) == (1, 2)


def test_new_rows_with_a_target_have_the_places_of_the_training(training: Samples) -> None:
    new = read_like(training, read_table({"a": [1, 2, 3], "c": [1, 1, 1], "b": ["w", "u", None]}))
    assert new.targets is not None
    assert new.targets.tolist() == [2, 0]
    empty = read_like(training, read_table({"a": [1], "c": [1], "b": [None]}))
    assert empty.targets is None
    assert len(empty) == 1


def test_new_numbers_to_be_found() -> None:
    training = from_csv("a,b\n1,0.5\n3,3.5\n", numbers=True)
    new = read_like(training, read_table({"a": [1, 2], "b": [7.5, 8.5]}), where="a > 1")
    assert new.targets is not None
    assert new.targets.tolist() == [[8.5]]


NEW: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a class never seen": ({"a": [1], "c": [1], "b": ["x"]}, ["never seen", '"x"', '"u"']),
    "two of them": ({"a": [1, 1], "c": [1, 1], "b": ["x", "y"]}, ['"x" and "y"']),
    "an input is missing": ({"a": [1]}, ['no column "c"', "a and c"]),
    "no row is whole": ({"a": [None], "c": [1]}, ['column "a" lacks one']),
}


@pytest.mark.parametrize(("columns", "named"), NEW.values(), ids=NEW)
def test_new_rows_that_do_not_fit(
    training: Samples, columns: dict[str, Any], named: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        read_like(training, read_table(columns))
    for name in named:
        assert name in caught.value.message


def refused(error: SteepestError) -> None:
    assert error.message.isprintable()


CELL = st.sampled_from(["1", "0", "-1", "2.5", "u", "", "NaN", "inf", "1e39", "é", "\x1b[2J", '"'])


@pytest.mark.filterwarnings("ignore::steepest.words.errors.DataWarning")
@given(st.lists(st.tuples(CELL, CELL), max_size=8), st.booleans())
def test_any_cells(rows: list[tuple[str, str]], numbers: bool) -> None:
    try:
        samples = from_csv("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows), numbers=numbers)
    except SteepestError as error:
        refused(error)
        return
    assert np.isfinite(samples.inputs).all()
    assert len(samples) == len(samples.targets) == len(samples.rows) > 0
    if samples.classes is not None:
        assert set(samples.targets.tolist()) == set(range(len(samples.classes)))
