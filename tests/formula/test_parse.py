import time
from dataclasses import dataclass

import pytest

from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Logical,
    Negate,
    Not,
    Number,
    Weight,
    walk,
)
from steepest.formula.parse import parse_condition, parse_expression, parse_model
from steepest.formula.partial import partial
from steepest.formula.render import to_text
from steepest.formula.tokens import on_one_line
from steepest.words.errors import FormulaError

COLUMNS = (
    *("x", "y", "time", "speed", "exp", "lambda", "my col", "Sepal.Length", "a`b", "ｚ", "é"),
    *("new\nline", "temperature", "class=", "`", "x**2"),
)

GOOD = {
    # text: (model as written back, weights, columns)
    "speed ~ a*time**2 + b*time + c": ("a*time**2 + b*time + c", "abc", ("speed", "time")),
    "y~a": ("a", "a", ("y",)),
    "  y\t~\n a * x  ": ("a*x", "a", ("y", "x")),
    "y ~ b1*(1 - exp(-b2*x))": ("b1*(1 - exp(-b2*x))", ("b1", "b2"), ("y", "x")),
    "y ~ exp*a + exp(x)": ("exp*a + exp(x)", "a", ("y", "exp", "x")),
    "y ~ a*`my col` + `x`": ("a*`my col` + x", "a", ("y", "my col", "x")),
    "y ~ a*`lambda`": ("a*`lambda`", "a", ("y", "lambda")),
    "y ~ a*`a``b`": ("a*`a``b`", "a", ("y", "a`b")),
    "y ~ a*````": ("a*````", "a", ("y", "`")),
    "y ~ a*`new\nline`": ("a*`new\nline`", "a", ("y", "new\nline")),
    "y ~ a*`x**2`": ("a*`x**2`", "a", ("y", "x**2")),
    "y ~ a*`class=`": ("a*`class=`", "a", ("y", "class=")),
    "`Sepal.Length` ~ a": ("a", "a", ("Sepal.Length",)),
    "y ~ a*ｘ": ("a*x", "a", ("y", "x")),
    "y ~ a*ｚ": ("a*`ｚ`", "a", ("y", "ｚ")),
    "y ~ ｅｘｐ(a)": ("exp(a)", "a", ("y",)),
    "y ~ β*é": ("β*é", "β", ("y", "é")),
    "y ~ a - (b - c)": ("a - (b - c)", "abc", ("y",)),
    "y ~ ((((a))))": ("a", "a", ("y",)),
    "y ~ -a**2": ("-a**2", "a", ("y",)),
    "y ~ (-a)**2": ("(-a)**2", "a", ("y",)),
    "y ~ a**-x**2": ("a**-x**2", "a", ("y", "x")),
    "y ~ --a": ("--a", "a", ("y",)),
    "y ~ 2**3**2*a": ("2**3**2*a", "a", ("y",)),
    "y ~ a/x/2": ("a/x/2", "a", ("y", "x")),
    "y ~ a/(x/2)": ("a/(x/2)", "a", ("y", "x")),
    "y ~ .5*a + 5.*b + 1e-3*c": ("0.5*a + 5.0*b + 0.001*c", "abc", ("y",)),
    "y ~ 012*a": ("12*a", "a", ("y",)),
    "y ~ asin(a) + acos(b) + atan(c)": ("arcsin(a) + arccos(b) + arctan(c)", "abc", ("y",)),
    "y ~ where(x > 2, a*x, b)": ("where(x > 2, a*x, b)", "ab", ("y", "x")),
    "y ~ where(0 < x <= 2 or not x == 5, a, b)": (
        "where(0 < x and x <= 2 or not x == 5, a, b)",
        "ab",
        ("y", "x"),
    ),
    "y ~ where(x > knee, a, 0)": ("where(x > knee, a, 0)", ("knee", "a"), ("y", "x")),
    "log(y) ~ a*sin(2*pi*x) + e": ("a*sin(2*pi*x) + e", "a", ("y", "x")),
    "y ~ a*99999999999999999999": ("a*1e+20", "a", ("y",)),
    "y ~ nan*inf": ("nan*inf", ("nan", "inf"), ("y",)),
    "y ~ " + "+".join(f"w{i}*x" for i in range(45)): (
        " + ".join(f"w{i}*x" for i in range(45)),
        tuple(f"w{i}" for i in range(45)),
        ("y", "x"),
    ),
}


@pytest.mark.parametrize("text", GOOD, ids=lambda t: t[:40])
def test_good_formula(text: str) -> None:
    formula = parse_model(text, COLUMNS)
    written, weights, columns = GOOD[text]
    assert to_text(formula.model) == written
    assert formula.weights == tuple(weights)
    assert formula.columns == columns
    assert formula.text == on_one_line(text)


def test_tree_keeps_the_order_of_the_text() -> None:
    formula = parse_model("log(y) ~ 2*a + x", COLUMNS)
    assert formula.target == Call("log", (Column("y"),))
    assert formula.model == Binary("+", Binary("*", Number(2), Weight("a")), Column("x"))


def test_spans_point_into_the_text() -> None:
    text = "y ~ `my col`*(é + ａ) - exp( -b )"
    formula = parse_model(text, COLUMNS)
    spans = {to_text(node): text[slice(*node.span)] for node in walk(formula.model)}
    assert spans == {
        "`my col`": "`my col`",
        "é": "é",
        "a": "ａ",
        "é + a": "é + ａ",
        "`my col`*(é + a)": "`my col`*(é + ａ)",
        "b": "b",
        "-b": "-b",
        "exp(-b)": "exp( -b )",
        "`my col`*(é + a) - exp(-b)": "`my col`*(é + ａ) - exp( -b )",
    }


def test_expression_has_only_weights() -> None:
    formula = parse_expression("(1-x)**2 + 100*(y-x**2)**2")
    assert (formula.weights, formula.columns, formula.target) == (("x", "y"), (), None)


@pytest.mark.parametrize(
    ("columns", "declared", "kind"),
    [
        ((), (), Constant),
        (("e",), (), Column),
        ((), ("e",), Weight),
        (("e",), ("e",), Column),
    ],
    ids=["constant", "column", "declared weight", "column before weight"],
)
def test_what_e_means(
    columns: tuple[str, ...], declared: tuple[str, ...], kind: type[object]
) -> None:
    formula = parse_model("y ~ a*e", ("y", *columns), declared=declared)
    assert isinstance(formula.model, Binary)
    assert isinstance(formula.model.right, kind)


def test_declared_name_in_expression() -> None:
    assert parse_expression("e**2", declared=("e",)).weights == ("e",)


DOUBTFUL = {
    "Speed": (("Speed", "speed"),),
    "my_col": (("my_col", "my col"),),
    "temprature": (("temprature", "temperature"),),
    "a": (),
    "temp": (),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_doubtful_names(name: str) -> None:
    declared = parse_model(f"y ~ {name}*x", COLUMNS, declared=(name,))
    assert declared.doubtful == DOUBTFUL[name]
    if not DOUBTFUL[name]:
        assert parse_model(f"y ~ {name}*x", COLUMNS).weights == (name,)
        return
    ((_, column),) = DOUBTFUL[name]
    with pytest.raises(FormulaError, match=f"no column {name}.*Did you mean `?{column}"):
        parse_model(f"y ~ {name}*x", COLUMNS)
    # Beside the column itself it is meant.
    both = parse_model(f"y ~ {name}*x + b*`{column}`", COLUMNS)
    assert name in both.weights


def test_a_mistyped_column_of_four_letters() -> None:
    with pytest.raises(FormulaError, match=r"no column tme.*Did you mean time.*--start tme=0.1"):
        parse_model("y ~ a*tme + b", ("time", "y"))
    assert parse_model("y ~ a*tme + b", ("time", "y"), declared=("tme",)).weights == (
        "a", "tme", "b",
    )  # fmt: skip
    for weight, column in (("T", "t"), ("amp", "map"), ("b1", "b2"), ("tau", "taus3")):
        assert weight in parse_model(f"y ~ {weight}*x", ("x", "y", column)).weights


def test_white_space_is_one_space() -> None:
    for text in ("y ~ a*x\r\n  +  b", " y ~ a*x\t+ b\n"):
        assert parse_model(text, ("x", "y")).text == "y ~ a*x + b"
    assert parse_model("y ~  a*`x  1`", ("x  1", "y")).text == "y ~ a*`x  1`"
    assert parse_expression("x**2\n+ x").text == "x**2 + x"


def test_a_sum_over_a_hundred_columns_is_read() -> None:
    columns = [f"measurement_{place}" for place in range(100)]
    text = "y ~ c + " + " + ".join(f"w{place}*{name}" for place, name in enumerate(columns))
    formula = parse_model(text, ("y", *columns))
    assert len(formula.weights) == 101
    slope = partial(formula, "w99", "mse")
    assert slope is not None
    assert "measurement_99" in to_text(slope)


def test_numbered_names_are_not_doubtful() -> None:
    assert parse_model("y ~ weight2*x", ("x", "y", "weight1")).doubtful == ()


# The piece of the message, and the text under the caret where it matters.
@dataclass(frozen=True)
class Bad:
    piece: str
    under: str | None = None


BAD_MODELS = {
    "": Bad("is empty"),
    "   ": Bad("is empty"),
    "a*x": Bad("There is no ~"),
    "y ~": Bad("nothing to the right of this ~", "~"),
    "~ a*x": Bad("no target", "~"),
    "y = a*x": Bad("Write y ~ a*x", "="),
    "y == a*x": Bad("There is no ~"),
    "y ~ a ~ b": Bad("more than one ~", "~"),
    "y > 2 ~ a": Bad("The target is true or false", "y > 2"),
    "(y ~ a)": Bad("still open before ~", "("),
    "spead ~ a*x": Bad("Did you mean speed?", "spead"),
    "3 ~ a*x": Bad("no column in the target", "3"),
    "y ~ x": Bad("nothing to learn", "x"),
    "y ~ 3": Bad("nothing to learn", "3"),
    "y ~ 2a": Bad("write 2*a", "a"),
    "y ~ 2(a)": Bad("To multiply, write *.", "("),
    "y ~ a x": Bad("operator is missing", "x"),
    "y ~ (a)(b)": Bad("operator is missing", "("),
    "y ~ my col*a": Bad("write `my col` in backticks", "col"),
    "y ~ a*Sepal.Length": Bad("write `Sepal.Length` in backticks", "."),
    "y ~ a.real": Bad("written in backticks", "."),
    "y ~ a^2": Bad("Write ** for a power", "^"),
    "y ~ a//2": Bad("Write / ", "//"),
    "y ~ a % 2": Bad("no remainder", "%"),
    "y ~ a @ x": Bad("Write *", "@"),
    "y ~ a & b": Bad("Write and", "&"),
    "y ~ a || b": Bad("Write or", "||"),
    "y ~ !a": Bad("Write not", "!"),
    "y ~ a[0]": Bad("no subscripts", "["),
    "y ~ [a for a in x]": Bad("no lists", "["),
    "y ~ {a}": Bad("round parentheses", "{"),
    "y ~ 'a'": Bad("stands only behind ==", "'a'"),
    "y ~ b*'x'": Bad("write x without quotes", "'x'"),
    "y ~ b*'my col'": Bad("write `my col` in backticks", "'my col'"),
    'y ~ f"a"': Bad("stands only behind ==", '"'),
    "y ~ a*(x == 'b)": Bad("This quote is not closed", "'"),
    "y ~ a*(x == '')": Bad("no text between the quotes", "''"),
    "y ~ a*x == 'b' + c": Bad("in parentheses", "+"),
    "y ~ a*('b' == x)": Bad("a column before that", "'b'"),
    "y ~ a*(x + 1 == 'b')": Bad("a column before that", "'b'"),
    "y ~ a*(x < 'b')": Bad("only behind ==", "'b'"),
    "y ~ a*(tim == 'b')": Bad("Did you mean time?", "tim"),
    "y ~ a*(x == “b”)": Bad("quotes of the keyboard", "“"),
    "y ~ C(x + 1)": Bad("this is no column", "C(x + 1)"),
    "y ~ C(zzz)": Bad("this is no column", "C(zzz)"),
    "y ~ C(x, y)": Bad("this is no column", "C(x, y)"),
    "y ~ C(x)": Bad("needs the categories of a table", "C(x)"),
    "C(x) ~ a": Bad("the target has none of", "C(x)"),
    "y ~ a # b": Bad("no comments", "#"),
    "y ~ a; b": Bad("one formula", ";"),
    "y ~ (a := 2)": Bad("gives no names", ":="),
    "y ~ lambda: a": Bad("To use the column, write `lambda`", "lambda"),
    "y ~ class*a": Bad("Choose another name", "class"),
    "y ~ a if x else b": Bad("Write where(condition, a, b)", "if"),
    "y ~ True*a": Bad("Write 1", "True"),
    "y ~ None": Bad("numbers only", "None"),
    "y ~ ｉｆ*a": Bad("names no weight", "ｉｆ"),
    "y ~ a + yield": Bad("names no weight", "yield"),
    "y ~ exp + 1": Bad("nothing to learn"),
    "y ~ log + a": Bad("log is a function: write log(...)", "log"),
    "y ~ where + a": Bad("write where(..., ..., ...)", "where"),
    "y ~ ln(a)": Bad("Did you mean log?", "ln"),
    "y ~ pow(a, 2)": Bad("Write ** for a power", "pow"),
    "y ~ sqr(a)": Bad("Did you mean sqrt", "sqr"),
    "y ~ Exp(a)": Bad("Did you mean exp", "Exp"),
    "y ~ zzzzzz(a)": Bad("no function zzzzzz", "zzzzzz"),
    "y ~ x(a)": Bad("x is a column, not a function", "x"),
    "y ~ `x`(a)": Bad("not a function", "`x`"),
    "y ~ __import__('os')": Bad("no function __import__", "__import__"),
    "y ~ a.__class__": Bad("no place", "."),
    "y ~ sin(a, b)": Bad("sin takes 1 argument, not 2", "sin(a, b)"),
    "y ~ arctan2(a)": Bad("arctan2 takes 2 arguments, not 1", "arctan2(a)"),
    "y ~ where(a, b)": Bad("where takes 3 arguments", "where(a, b)"),
    "y ~ sqrt()": Bad("sqrt has no argument", "sqrt()"),
    "y ~ sqrt(a,)": Bad("nothing to the right of this ,", ","),
    "y ~ sqrt(x=a)": Bad("by its position", "="),
    "y ~ where(x = 2, a, b)": Bad("== to compare", "="),
    "y ~ exp(*a)": Bad("nothing to the left", "*"),
    "y ~ exp(**a)": Bad("nothing to the left", "**"),
    "y ~ a, b": Bad("A comma only", ","),
    "y ~ 0,5*a": Bad("with a point", ","),
    "y ~ (a, b)": Bad("A comma only", ","),
    "y ~ ()": Bad("nothing in these parentheses", "()"),
    "y ~ (a": Bad("not closed", "("),
    "y ~ a)": Bad("never opened", ")"),
    "y ~ a +": Bad("nothing to the right of this +", "+"),
    "y ~ a * / x": Bad("nothing to the left of this /", "/"),
    "y ~ +a": Bad("Leave the + out", "+"),
    "y ~ ~a": Bad("", "~"),
    "y ~ `x*a": Bad("not closed", "`"),
    "y ~ ``*a": Bad("no name between", "``"),
    "y ~ a`x`": Bad("operator is missing", "`x`"),
    "y ~ 2`x`": Bad("operator is missing", "`"),
    "y ~ `tine`*a": Bad("Did you mean time?", "`tine`"),
    "y ~ `\x1b[31m`*a": Bad("no column `\N{REPLACEMENT CHARACTER}[31m`"),
    "y ~ a\x00": Bad("U+0000", "\N{REPLACEMENT CHARACTER}"),
    "y ~ \ud800*a": Bad("U+D800", "\N{REPLACEMENT CHARACTER}"),
    "y ~ a − b": Bad("minus sign of the keyboard", "−"),
    "y ~ a²": Bad("Write **2", "²"),
    "y ~ a*π": Bad("Write pi", "π"),
    "y ~ a*٣": Bad("no place", "٣"),
    "y ~ 1j*a": Bad("not complex", "1j"),
    "y ~ 1_000*a": Bad("no underscores", "_"),
    "y ~ 0x10*a": Bad("operator is missing", "x"),
    "y ~ 1.2.3*a": Bad("operator is missing", ".3"),
    "y ~ 1e400*a": Bad("too large", "1e400"),
    "y ~ 1e-400*a": Bad("too small", "1e-400"),
    "y ~ " + "9" * 400 + "*a": Bad("too large"),
    "y ~ 1/0*a": Bad("divides by zero", "1/0"),
    "y ~ 0*a/0": Bad("divides by zero", "0*a/0"),
    "y ~ a/(1 - 1)": Bad("divides by zero", "a/(1 - 1)"),
    "y ~ a/(0*log(2))": Bad("divides by zero"),
    "y ~ a*0**-1": Bad("divides by zero", "0**-1"),
    "y ~ 9**9**9**9 + a": Bad("too large", "9**9**9"),
    "y ~ a**9**9**9**9": Bad("too large", "9**9**9"),
    "y ~ (((9**9)**9)**9)**9 + (9**99)**99*a": Bad("too large"),
    "y ~ exp(1000)*a": Bad("too large", "exp(1000)"),
    "y ~ 1e308*10*a": Bad("too large", "1e308*10"),
    "y ~ log(-1)*a": Bad("real numbers", "log(-1)"),
    "y ~ (-8)**(1/3)*a": Bad("real numbers", "(-8)**(1/3)"),
    "y ~ arcsin(2)*a": Bad("real numbers", "arcsin(2)"),
    "y ~ a > 2": Bad("The model is true or false", "a > 2"),
    "y ~ a*(x > 2)": Bad("This is true or false", "x > 2"),
    "y ~ exp(x > 2)*a": Bad("This is true or false", "x > 2"),
    "y ~ where(x, a, b)": Bad("not a condition", "x"),
    "y ~ where(x > 2, x > 3, a)": Bad("true or false", "x > 3"),
    "y ~ where(x and y > 2, a, b)": Bad("not a condition", "x"),
    "y ~ where((x > 2) > 1, a, b)": Bad("true or false", "x > 2"),
    "y ~ where(not x, a, b)": Bad("not a condition", "x"),
    "y ~ where(x <> 2, a, b)": Bad("Write !=", "<>"),
    "y ~ a - not x": Bad("cannot be read"),
    "y ~ a not x": Bad("missing before not", "not"),
    "y ~ " + "(" * 51 + "a" + ")" * 51: Bad("nested too deeply"),
    "y ~ " + "(" * 10_000 + "a": Bad("10005 characters"),
    "y ~ " + "-" * 400 + "a": Bad("nested too deeply"),
    "y ~ " + "**".join("a" * 30): Bad("nested too deeply"),
    "y ~ " + "exp(" * 30 + "a" + ")" * 30: Bad("nested too deeply"),
    "y ~ " + "+".join("a" * 400): Bad("more than 600"),
    "y ~ a" + "+a" * 2500: Bad("At most 5000"),
}


def caught(error: FormulaError) -> str:
    """The part of the formula that the carets stand under."""
    _, shown, carets = error.message.split("\n")
    return shown[carets.index("^") : len(carets)]


@pytest.mark.parametrize("text", BAD_MODELS, ids=lambda t: ascii(t)[:40])
def test_bad_model(text: str) -> None:
    expected = BAD_MODELS[text]
    with pytest.raises(FormulaError) as info:
        parse_model(text, COLUMNS)
    assert expected.piece in info.value.message
    assert info.value.exit_code == 1
    if expected.under is not None:
        assert caught(info.value) == expected.under
    # Nothing but the line breaks before the formula and the carets can move a terminal's cursor.
    assert all(line.isprintable() for line in info.value.message.split("\n"))


@pytest.mark.usefixtures("own_heap")
def test_bad_models_are_refused_at_once() -> None:
    for text in BAD_MODELS:
        began = time.process_time()
        with pytest.raises(FormulaError):
            parse_model(text, COLUMNS)
        assert time.process_time() - began < 0.05, ascii(text)


BAD_EXPRESSIONS = {
    "y ~ x": "An expression has no ~",
    "y = x": "An expression has no =",
    "2**10": "nothing to minimize",
    "pi": "nothing to minimize",
    "x > 2": "true or false",
    "`x`": "Backticks are for the names of columns",
    "": "The expression is empty",
    "x,y": "A comma only",
}


@pytest.mark.parametrize("text", BAD_EXPRESSIONS)
def test_bad_expression(text: str) -> None:
    with pytest.raises(FormulaError, match=r".*") as info:
        parse_expression(text)
    assert BAD_EXPRESSIONS[text] in info.value.message


def test_condition() -> None:
    assert parse_condition("1 < x < 2 and not (y == 3 or y != -1)", COLUMNS) == Logical(
        "and",
        (
            Logical(
                "and",
                (Compare("<", Number(1), Column("x")), Compare("<", Column("x"), Number(2))),
            ),
            Not(
                Logical(
                    "or",
                    (
                        Compare("==", Column("y"), Number(3)),
                        Compare("!=", Column("y"), Negate(Number(1))),
                    ),
                )
            ),
        ),
    )


BAD_CONDITIONS = {
    "x": "not a condition",
    "x = 2": "Write ==",
    "x > 2 & y > 2": "Write and",
    "x > 2 | y > 2": "Write or",
    "tine > 2": "Did you mean time?",
    "qqq > 2": "The columns are x, y, time",
    "1 > 2": "no column in the condition",
    "1 > 1/0": "divides by zero",
    "y ~ x > 2": "A condition has no ~",
    "x > 'a'": "stands only behind ==",
    "C(x) == 2": "no function C",
    "x in y": "joined by or",
    "x is 2": "Write ==",
    "": "The condition is empty",
}


@pytest.mark.parametrize("text", BAD_CONDITIONS)
def test_bad_condition(text: str) -> None:
    with pytest.raises(FormulaError) as info:
        parse_condition(text, COLUMNS)
    assert BAD_CONDITIONS[text] in info.value.message


@pytest.mark.usefixtures("own_heap")
def test_thousands_of_long_names_cost_little() -> None:
    columns = ["y", *(f"column number {i} " + "z" * 500 for i in range(3000))]
    columns += [f"kolumn{i}" for i in range(3000)]
    began = time.process_time()
    named = ("columm", "kolumm17", "kolunm")
    parse_model("y ~ columm*kolumn7 + kolumm17 + kolunm", columns, declared=named)
    with pytest.raises(FormulaError):
        parse_model("kolunm3 ~ a", columns)
    # 0.07 s where it was written; comparing each name with each would take half a minute.
    assert time.process_time() - began < 2.0


def test_text_that_is_none() -> None:
    with pytest.raises(FormulaError, match="not NoneType"):
        parse_expression(None)  # type: ignore[arg-type]
