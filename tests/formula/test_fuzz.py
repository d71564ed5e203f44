"""Whatever comes in, a Formula or a FormulaError comes out, and soon."""

import random
import string
import time
from collections.abc import Callable, Iterator

import pytest

from steepest.formula.assignments import parse_assignments
from steepest.formula.derivative import derivative
from steepest.formula.nodes import Formula
from steepest.formula.parse import parse_condition, parse_expression, parse_model
from steepest.formula.render import to_latex, to_mathml, to_text
from steepest.formula.structure import is_linear
from steepest.words.errors import FormulaError

COLUMNS = ("x", "y", "my col", "exp", "lambda", "_______", "n0", "n1", "`", "\n", "1", "a" * 600)
PIECES = (
    *"x y a b n0 n1 e pi exp log where sqrt maximum and or not if lambda True None".split(),  # noqa: SIM905
    *"+ - * / ** // ~ = == < <= > != ( ) , . [ ] { } ` `` : ; ^ & | ! @ # % \\ ' \"".split(),  # noqa: SIM905
    *("0", "1", "2", "9", "1e308", "1e-308", "1e400", "0.5", ".5", "5.", "1j", "0x1", "1_0"),
    *(" ", "\n", "\t", "\x00", "\x1b", "é", "ｅ", "ｘ", "ﬁ", "π", "²", "٣", "\ud800", "\u202e"),
    *("`my col`", "`x`", "(", "(", ")", ")", "*", "+", "-", "**", "a", "x", "y ~ ", "𝒂", "\u0301"),
)


def grammatical(draw: random.Random, depth: int) -> str:
    """A text that mostly is a formula, so that what stands behind the grammar is reached too."""
    if depth == 0:
        return draw.choice(
            ("x", "y", "a", "b", "c", "2", "0", "9", "0.5", "1e300", "`my col`", "pi")
        )
    one, two = grammatical(draw, depth - 1), grammatical(draw, draw.randrange(depth))
    return draw.choice(
        (
            f"({one} {draw.choice('+-*/')} {two})",
            f"{one}**{two}",
            f"-{one}",
            f"{draw.choice(('exp', 'log', 'sqrt', 'sigmoid', 'erf', 'abs'))}({one})",
            f"maximum({one}, {two})",
            f"where({one} < {two} <= x, {two}, {one})",
        )
    )


def inputs(seed: int) -> Iterator[str]:
    draw = random.Random(seed)
    while True:
        size = draw.choice((3, 10, 40, 200))
        match draw.randrange(5):
            case 0:
                yield draw.randbytes(size).decode("latin-1")
            case 1:
                yield "".join(chr(draw.randrange(0x110000)) for _ in range(size))
            case 2:
                yield "y ~ " + "".join(draw.choice(PIECES) for _ in range(size))
            case 3:
                yield "".join(draw.choices(string.printable, k=size))
            case _:
                yield "y ~ " + grammatical(draw, draw.randrange(1, 7))


def condition(text: str) -> str:
    """The same text as a condition on the columns."""
    text = text.removeprefix("y ~ ")
    for name in "abc":
        text = text.replace(name, "x")
    return f"not {text} < y and x != 2"


def use(text: str) -> None:
    """Everything that is done with a text from outside."""
    formula = parse_model(text, COLUMNS)
    assert isinstance(formula, Formula)
    for weight in formula.weights[:2]:
        slope = derivative(formula.model, weight)
        if slope is not None:
            to_text(slope), to_latex(slope), to_mathml(slope)
    is_linear(formula.model, formula.weights)
    written = f"y ~ {to_text(formula.model)}"
    if len(written) <= 500:
        assert parse_model(written, COLUMNS).model == formula.model


READERS: dict[str, Callable[[str], object]] = {
    "model": lambda text: parse_model(text, COLUMNS),
    "expression": lambda text: parse_expression(text.removeprefix("y ~ ")),
    "condition": lambda text: parse_condition(condition(text), COLUMNS),
    "assignments": lambda text: parse_assignments(f"a=1,b={text.removeprefix('y ~ ')[:3]}"),
    "used": use,
}


@pytest.mark.usefixtures("own_heap")
@pytest.mark.parametrize("reader", READERS)
def test_fuzz(reader: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = good = 0
    slowest = 0.0
    # Processor time: a neighbour on the machine must not fail the test.
    end = time.process_time() + 0.6
    for text in inputs(seed=20):
        began = time.process_time()
        if began > end:
            break
        try:
            READERS[reader](text)
            good += 1
        except FormulaError:
            pass
        taken = time.process_time() - began
        slowest = max(slowest, taken)
        assert taken < (1.0 if reader == "used" else 0.1), ascii(text)
        count += 1
    with capsys.disabled():
        print(f"\n{reader}: {count} inputs, {good} of them good, slowest {slowest * 1e3:.1f} ms")
    assert count > 50
