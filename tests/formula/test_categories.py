"""C(column) and comparisons with a text: which weights, which columns, and that text comes back."""

from __future__ import annotations

import pytest

from steepest.formula.names import indicated, indicator
from steepest.formula.parse import parse_condition, parse_model
from steepest.formula.render import to_text
from steepest.words.errors import FormulaError

KNOWN = {
    "city": ("Bonn", "Oslo", "Rome"),
    "kind": ("new", "old"),
    "x": tuple(map(str, range(101))),
    "one": ("same",),
}
COLUMNS = ("y", "z", "city_Rome", *KNOWN)

# The model -> its weights, and (the category left out, what stands for it) for each C(...).
MODELS = {
    "C(city)": ("city_Bonn city_Oslo city_Rome_2", [(None, None)]),
    "C(city) + b": ("city_Oslo city_Rome_2 b", [("Bonn", "b")]),
    "2*b - C(city)": ("b city_Oslo city_Rome_2", [("Bonn", "2*b")]),
    "C(city)*z + b": ("city_Bonn city_Oslo city_Rome_2 b", [(None, None)]),
    "a*z + z*C(city)*3": ("a city_Oslo city_Rome_2", [("Bonn", "a*z")]),
    "C(city) + C(kind)": (
        "city_Bonn city_Oslo city_Rome_2 kind_old", [(None, None), ("new", "C(city)")]
    ),
    "C(city) + b + C(kind)": ("city_Oslo city_Rome_2 b kind_old", [("Bonn", "b"), ("new", "b")]),
    "C(kind)*z + C(kind)": ("kind_new kind_old kind_new_2 kind_old_2", [(None, None)] * 2),
    "exp(C(kind) + b)": ("kind_old b", [("new", "b")]),
    "exp(C(kind)) + b": ("kind_new kind_old b", [(None, None)]),
    "(C(kind) + b)*exp(-k*z)": ("kind_old b k", [("new", "b")]),
    "C(kind)/z + b/z": ("kind_old b", [("new", "b/z")]),
    "C*z + C(kind)": ("C kind_new kind_old", [(None, None)]),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_weights(model: str) -> None:
    formula = parse_model(f"y ~ {model}", COLUMNS, categories=KNOWN.__getitem__)
    weights, left_out = MODELS[model]
    assert formula.weights == tuple(weights.split())
    assert [(group.left_out, group.beside) for group in formula.categories] == left_out
    assert formula.written == model
    named = {weight for group in formula.categories for weight in group.weights}
    assert named <= set(formula.weights)
    # What it stands for, typed out, is the same model.
    again = parse_model(f"y ~ {to_text(formula.model)}", COLUMNS, declared=formula.weights)
    assert again.model == formula.model


def test_limits() -> None:
    for column, piece in {"x": "has 101 categories", "one": "has 1 category"}.items():
        with pytest.raises(FormulaError, match=piece):
            parse_model(f"y ~ C({column})", COLUMNS, categories=KNOWN.__getitem__)


def test_a_name_from_hostile_texts() -> None:
    texts = ("10", "-", "a b", "a_b", "a" * 90, "ﬁn", "x\ny", "'\"`", "class", "²", "🙂")
    formula = parse_model("y ~ C(`2 d`)", ("y", "2 d"), categories=lambda _: texts)
    assert len(set(formula.weights)) == len(texts)
    for weight in formula.weights:
        assert parse_model(f"y ~ {weight}", ("y",)).weights == (weight,)
    again = parse_model(f"y ~ {to_text(formula.model)}", ("y", "2 d"))
    assert again.columns == formula.columns
    assert [indicated(name) for name in formula.columns[1:]] == [("2 d", text) for text in texts]


def test_a_comparison_is_a_number_or_a_condition() -> None:
    text = (
        'where(city == "Rome" and not city != "Oslo", a, b*(city != "Bonn")) + c*(city == "Rome")'
    )
    formula = parse_model(f"y ~ {text}", COLUMNS)
    wanted = text.replace('(city != "Bonn")', '(1 - (city == "Bonn"))')
    assert to_text(formula.model) == wanted
    assert parse_model(f"y ~ {wanted}", COLUMNS).model == formula.model
    assert formula.columns[1:] == tuple(indicator("city", one) for one in ("Rome", "Oslo", "Bonn"))
    assert parse_model("(city == 'Rome') ~ a", COLUMNS).columns == ('city == "Rome"',)
    assert to_text(parse_condition("city == ' a \"b\" '", COLUMNS)) == 'city == "a ""b"""'
