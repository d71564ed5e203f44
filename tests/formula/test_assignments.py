import pytest

from steepest.formula.assignments import parse_assignments
from steepest.words.errors import FormulaError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=0.1", {"a": 0.1}),
        ("a=0.0121,b=-0.6397,c=0.6416", {"a": 0.0121, "b": -0.6397, "c": 0.6416}),
        (" a = +1 , b = -2e-3 ", {"a": 1.0, "b": -0.002}),
        ("ａ=.5", {"a": 0.5}),
        ("e=1,exp=2", {"e": 1.0, "exp": 2.0}),
    ],
)
def test_values(text: str, values: dict[str, float]) -> None:
    assert parse_assignments(text) == values


BAD = {
    "": "takes name=number",
    "a": "takes name=number",
    "a=": "takes name=number",
    "=1": "takes name=number",
    "a=1,": "takes name=number",
    "a=1;b=2": "is not a number",
    "a=1,b=2,a=1": "a is given twice in --start",
    "a=one": "is not a number",
    "a=nan": "is not a number",
    "a=inf": "is not a number",
    "a=-infinity": "is not a number",
    "a=1_0": "is not a number",
    "a=0x1": "is not a number",
    "a=٣": "is not a number",
    "a=1=2": "is not a number",
    "a=1e400": "too large",
    "1=2": "not the name of a weight",
    "a b=2": "not the name of a weight",
    "lambda=2": "not the name of a weight",
    "bb=2": "There is no weight bb for --start",
    "a=1," * 6000: "At most 20,000",
}


@pytest.mark.parametrize("text", BAD, ids=lambda t: ascii(t)[:20])
def test_bad_values(text: str) -> None:
    with pytest.raises(FormulaError) as info:
        parse_assignments(text, weights=("a", "b", "lambda"))
    assert BAD[text] in info.value.message


def test_caret_stands_under_the_value() -> None:
    with pytest.raises(FormulaError) as info:
        parse_assignments("a=1, b = x2", option="--fix")
    assert info.value.message.endswith("\n  a=1, b = x2\n           ^^")
