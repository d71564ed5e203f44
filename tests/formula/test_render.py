import math
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from steepest.formula.fold import ConstantError, check_written, constant_value
from steepest.formula.functions import CANONICAL_FUNCTIONS, FUNCTIONS
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Comparison,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
    children,
    walk,
)
from steepest.formula.parse import parse_condition, parse_model
from steepest.formula.render import to_latex, to_mathml, to_text

COLUMNS = ("y", "x", "my col", "a`b", "`", "lambda", "exp", "é", "ｚ", "<b>", "}\\input{x}", "1")
ARITHMETIC = ("+", "-", "*", "/", "**")
COMPARISONS: tuple[Comparison, ...] = ("<", "<=", ">", ">=", "==", "!=")

columns: st.SearchStrategy[Node] = st.sampled_from(COLUMNS).map(Column)
weights: st.SearchStrategy[Node] = st.sampled_from(["a", "b1", "c_d", "β", "alpha"]).map(Weight)
numbers = st.one_of(
    st.integers(0, 1000).map(Number),
    st.floats(1e-300, 1e300).map(Number),
    st.sampled_from([Constant("pi", math.pi), Constant("e", math.e)]),
)
# Names more often than numbers: a function of a number often has no value, and is no formula.
leaves: st.SearchStrategy[Node] = st.one_of(columns, weights, columns, weights, numbers)


@st.composite
def conditions(draw: st.DrawFn, numbers: st.SearchStrategy[Node], levels: int = 3) -> Node:
    shape = draw(st.sampled_from(["compare", "not", "and", "or"] if levels else ["compare"]))
    below = conditions(numbers, levels - 1)
    match shape:
        case "compare":
            return Compare(draw(st.sampled_from(COMPARISONS)), draw(numbers), draw(numbers))
        case "not":
            return Not(draw(below))
        case _:
            operands = tuple(draw(below) for _ in range(draw(st.integers(2, 3))))
            return Logical("and" if shape == "and" else "or", operands)


def above(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def call(name: str) -> st.SearchStrategy[Node]:
        numbers = [inner] * FUNCTIONS[name].arity
        if name == "where":
            numbers[0] = conditions(inner)
        return st.tuples(*numbers).map(lambda arguments: Call(name, arguments))

    return st.one_of(
        inner.map(Negate),
        st.builds(Binary, st.sampled_from(ARITHMETIC), inner, inner),
        st.sampled_from(CANONICAL_FUNCTIONS).flatmap(call),
    )


trees: st.SearchStrategy[Node] = st.recursive(leaves, above, max_leaves=12)
models = st.one_of(
    weights,
    st.builds(Binary, st.sampled_from(ARITHMETIC), weights, trees),
    st.builds(Binary, st.sampled_from(ARITHMETIC), trees, weights),
)


def readable(node: Node) -> bool:
    """Whether the parser takes it: constants have values, and the text is not too long."""
    try:
        for part in walk(node):
            below = [constant_value(child) for child in children(part)]
            check_written(part, below, constant_value(part))
    except ConstantError:
        return False
    return len(to_text(node)) < 400


@given(models)
def test_text_reads_back_as_the_same_tree(tree: Node) -> None:
    assume(readable(tree))
    assert parse_model("y ~ " + to_text(tree), COLUMNS).model == tree


@given(conditions(st.one_of(columns, columns, numbers), levels=2))
def test_conditions_read_back(tree: Node) -> None:
    assume(readable(tree) and any(isinstance(n, Column) for n in walk(tree)))
    assert parse_condition(to_text(tree), COLUMNS) == tree


@given(trees)
def test_mathml_is_well_formed(tree: Node) -> None:
    root = ElementTree.fromstring(to_mathml(tree))
    assert root.tag == "{http://www.w3.org/1998/Math/MathML}math"
    for element in root.iter():
        name = element.tag.split("}")[1]
        operands = {"mfrac": 2, "msup": 2, "msub": 2, "mtr": 2}.get(name)
        assert operands is None or len(element) == operands
        assert name in set("math mrow mi mn mo mtext mfrac msup msub msqrt mtable mtr mtd".split())  # noqa: SIM905


COMMANDS = {
    *("frac", "sqrt", "left", "right", "cdot", "mathrm", "text", "operatorname", "pi", "begin"),
    *(
        "end",
        "le",
        "ge",
        "ne",
        "land",
        "lor",
        "lnot",
        "alpha",
        "lambda",
        "lambda",
        "textbackslash",
        "textless",
    ),
    *("textgreater", "textasciigrave", "exp", "log", "sin", "cos", "tan", "arcsin", "arccos"),
    *("arctan", "sinh", "cosh", "tanh"),
}


def check_latex(latex: str) -> None:
    """Braces match, left matches right, and no command is one that a name brought along."""
    depth = 0
    for symbol in re.findall(r"\\[{}]|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(symbol, 0)
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left") == latex.count(r"\right")
    assert set(re.findall(r"\\([a-zA-Z]+)", latex.replace(r"\\", " "))) <= COMMANDS
    assert not re.search(r"(?<!\\)[$#%~]", latex)


@given(trees)
def test_latex_is_balanced_and_tame(tree: Node) -> None:
    check_latex(to_latex(tree))


HOSTILE = (
    "<script>alert(1)</script>",
    "&amp;]]>",
    '"><img src=x onerror=alert(1)>',
    "\x00\x08\x0b\x1b\ud800\ufffe",
    r"\input{/etc/passwd}",
    r"\\}{$$#%&_^~`<>",
    "}^{2}_{",
    "\u202eright to left",
)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("kind", [Column, Weight])
def test_names_stay_names(name: str, kind: type[Column] | type[Weight]) -> None:
    node = Binary("*", Weight("a"), kind(name))
    root = ElementTree.fromstring(to_mathml(node))
    kinds = [element.tag.split("}")[1] for element in root.iter()]
    assert kinds == ["math", "mrow", "mi", "mo", "mi"]
    assert list(root.iter())[-1].text == "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name
    )
    check_latex(to_latex(node).replace(r"\textasciicircum", "").replace(r"\textasciitilde", ""))


LOOKS = {
    # text: (LaTeX, the characters of the MathML in reading order)
    "a*time**2": (r"a \cdot \mathrm{time}^{2}", "a⋅time2"),
    "-b1*x": (r"-b_{1} \cdot x", "−b1⋅x"),
    "alpha_2 - (a - b)": (r"{\alpha}_{2} - \left(a - b\right)", "α2−(a−b)"),
    "(a + b)/(2*x)": (r"\frac{a + b}{2 \cdot x}", "a+b2⋅x"),
    "(a/b)**2": (r"\left(\frac{a}{b}\right)^{2}", "(ab)2"),
    "(-a)**2": (r"\left(-a\right)^{2}", "(−a)2"),
    "a - -b": (r"a - \left(-b\right)", "a−(−b)"),
    "a*-b": (r"a \cdot \left(-b\right)", "a⋅(−b)"),
    "exp(-a)": (r"\exp\left(-a\right)", "exp\N{FUNCTION APPLICATION}(−a)"),
    "sigmoid(a)**2": (
        r"\left(\operatorname{sigmoid}\left(a\right)\right)^{2}",
        "(sigmoid\N{FUNCTION APPLICATION}(a))2",
    ),
    "sqrt(abs(a))": (r"\sqrt{\left|a\right|}", "|a|"),
    "2*pi*e*a": (r"2 \cdot {\pi} \cdot \mathrm{e} \cdot a", "2⋅π⋅e⋅a"),
    "1e-5*a": (r"1 \cdot 10^{-5} \cdot a", "1×10−5⋅a"),
    "where(x <= 2 and y != 1, a, b)": (
        r"\begin{cases}a & \text{if } x \le 2 \land y \ne 1 \\ b & \text{otherwise}\end{cases}",
        "{aif x≤2∧y≠1botherwise",
    ),
    "a*`my_col`": (r"a \cdot \text{my\_col}", "a⋅my_col"),
}


@pytest.mark.parametrize("text", LOOKS)
def test_looks(text: str) -> None:
    node = parse_model(f"y ~ {text}", ("y", "x", "time", "my_col")).model
    latex, mathml = LOOKS[text]
    assert to_latex(node) == latex
    assert "".join(ElementTree.fromstring(to_mathml(node)).itertext()) == mathml


FEWEST: Mapping[str, Node] = {
    "a - b - c": Binary("-", Binary("-", Weight("a"), Weight("b")), Weight("c")),
    "a - (b - c)": Binary("-", Weight("a"), Binary("-", Weight("b"), Weight("c"))),
    "a*b/c": Binary("/", Binary("*", Weight("a"), Weight("b")), Weight("c")),
    "a**b**c": Binary("**", Weight("a"), Binary("**", Weight("b"), Weight("c"))),
    "(a**b)**c": Binary("**", Binary("**", Weight("a"), Weight("b")), Weight("c")),
    "-a*b": Binary("*", Negate(Weight("a")), Weight("b")),
    "-(a*b)": Negate(Binary("*", Weight("a"), Weight("b"))),
    "-a**2": Negate(Binary("**", Weight("a"), Number(2))),
    "a**-2": Binary("**", Weight("a"), Negate(Number(2))),
}


@pytest.mark.parametrize("text", FEWEST)
def test_no_more_parentheses_than_it_takes(text: str) -> None:
    assert to_text(FEWEST[text]) == text
