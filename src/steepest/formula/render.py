"""A formula as text, LaTeX and MathML.

The text reads back as the same tree. Names come from anyone's file: in LaTeX and MathML nothing
in a name can be a command or an element.
"""

from __future__ import annotations

import re
from html import escape
from typing import Protocol

from steepest.formula.names import indicated, indicator, quoted
from steepest.formula.nodes import (
    Binary,
    Call,
    Column,
    Compare,
    Constant,
    Logical,
    Negate,
    Node,
    Not,
    Number,
    Weight,
)

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _MINUS, _POWER, _ATOM = range(9)
_BINARY = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "**": _POWER}


def _strength(node: Node) -> int:
    """How tightly the node's outermost operator binds."""
    match node:
        case Logical(op):
            return _OR if op == "or" else _AND
        case Not():
            return _NOT
        case Compare():
            return _COMPARE
        case Binary(op):
            return _BINARY[op]
        case Negate():
            return _MINUS
        case Number(value) if value < 0:
            return _MINUS
        case Column(name) if indicated(name):
            return _COMPARE
        case _:
            return _ATOM


def to_text(node: Node) -> str:
    """The formula as one would type it, with no more parentheses than it takes.

    What `parse` has read comes back as the same tree.
    """

    def inner(operand: Node, least: int) -> str:
        text = to_text(operand)
        return text if _strength(operand) >= least else f"({text})"

    match node:
        case Number(value):
            return repr(value)
        case Column(name):
            return quoted(name)
        case Weight(name) | Constant(name):
            return name
        case Negate(operand):
            return "-" + inner(operand, _MINUS)
        case Binary("**", left, right):
            return f"{inner(left, _ATOM)}**{inner(right, _MINUS)}"
        case Binary(op, left, right):
            own = _BINARY[op]
            sign = f" {op} " if own == _SUM else op
            return inner(left, own) + sign + inner(right, own + 1)
        case Call(function, arguments):
            return f"{function}({', '.join(to_text(a) for a in arguments)})"
        case Compare("==" | "!=" as op, Column(name), Number(1)) if indicated(name):
            column, category = indicated(name) or ("", "")
            return indicator(column, category, op)
        case Compare(op, left, right):
            return f"{inner(left, _SUM)} {op} {inner(right, _SUM)}"
        case Logical(op, operands):
            own = _OR if op == "or" else _AND
            return f" {op} ".join(inner(operand, own + 1) for operand in operands)
        case Not(operand):
            return "not " + inner(operand, _NOT)


def to_latex(node: Node) -> str:
    """The formula in LaTeX math mode, without dollar signs."""
    return _draw(node, _Latex())


def to_mathml(node: Node) -> str:
    """The formula as one `<math>` element, well-formed XML in the MathML namespace."""
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>{_draw(node, _MathML())}</mrow>'
        "</math>"
    )


class _Pen(Protocol):
    """What a notation must be able to write. All arguments but names are written already."""

    def number(self, value: float | int) -> str: ...
    def name(self, name: str) -> str: ...
    def constant(self, name: str) -> str: ...
    def symbol(self, op: str) -> str: ...
    def group(self, inner: str) -> str: ...
    def fraction(self, top: str, below: str) -> str: ...
    def power(self, base: str, exponent: str) -> str: ...
    def root(self, inner: str) -> str: ...
    def absolute(self, inner: str) -> str: ...
    def call(self, function: str, arguments: list[str]) -> str: ...
    def cases(self, then: str, condition: str, otherwise: str) -> str: ...


def _draw(node: Node, pen: _Pen) -> str:
    def inner(operand: Node, least: int) -> str:
        drawn = _draw(operand, pen)
        # A fraction's bar already groups it, except under an exponent.
        bar = isinstance(operand, Binary) and operand.op == "/" and least < _POWER
        return drawn if bar or _strength(operand) >= least else pen.group(drawn)

    match node:
        case Number(value):
            return pen.number(value)
        case Column(name) | Weight(name):
            return pen.name(name)
        case Constant(name):
            return pen.constant(name)
        case Negate(operand):
            return pen.symbol("negative") + inner(operand, _PRODUCT)
        case Binary("/", left, right):
            return pen.fraction(_draw(left, pen), _draw(right, pen))
        case Binary("**", left, right):
            base = _draw(left, pen)
            return pen.power(base if _one_piece(left) else pen.group(base), _draw(right, pen))
        case Binary(op, left, right):
            own = _BINARY[op]
            # Two signs in a row want parentheses between them.
            after = inner(right, own + 1)
            if isinstance(right, Negate):
                after = pen.group(_draw(right, pen))
            return inner(left, own) + pen.symbol(op) + after
        case Call("sqrt", (operand,)):
            return pen.root(_draw(operand, pen))
        case Call("abs", (operand,)):
            return pen.absolute(_draw(operand, pen))
        case Call("where", (condition, then, otherwise)):
            return pen.cases(*(_draw(part, pen) for part in (then, condition, otherwise)))
        case Call(function, arguments):
            return pen.call(function, [_draw(argument, pen) for argument in arguments])
        case Compare("==" | "!=", Column(name), Number(1)) if indicated(name):
            return pen.name(to_text(node))
        case Compare(op, left, right):
            return _draw(left, pen) + pen.symbol(op) + _draw(right, pen)
        case Logical(op, operands):
            own = _OR if op == "or" else _AND
            return pen.symbol(op).join(inner(operand, own + 1) for operand in operands)
        case Not(operand):
            return pen.symbol("not") + inner(operand, _NOT)


def _one_piece(node: Node) -> bool:
    """Whether a power of it needs no parentheses: names and numbers, but not -2 or 1e300."""
    if isinstance(node, Number):
        return node.value >= 0 and "e" not in repr(node.value)
    return isinstance(node, Column | Weight | Constant)


def _split(name: str) -> tuple[str, str]:
    """`b12` and `b_12` have an index; other names have none."""
    match = re.fullmatch(r"([^\W\d_]+)_?([0-9]{1,3})", name)
    return (match.group(1), match.group(2)) if match else (name, "")


def _scientific(value: float | int) -> tuple[str, str]:
    """(digits, exponent of ten), the latter empty where it is not written."""
    digits, _, exponent = repr(value).partition("e")
    return digits, str(int(exponent)) if exponent else ""


_GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
}

_LATEX_SPECIALS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "`": r"\textasciigrave{}",
}
_LATEX_SYMBOLS = {
    "+": " + ",
    "-": " - ",
    "negative": "-",
    "*": r" \cdot ",
    "<=": r" \le ",
    ">=": r" \ge ",
    "==": " = ",
    "!=": r" \ne ",
    "<": " < ",
    ">": " > ",
    "and": r" \land ",
    "or": r" \lor ",
    "not": r"\lnot ",
}
_LATEX_FUNCTIONS = frozenset(
    ("exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")
)


class _Latex:
    def number(self, value: float | int) -> str:
        digits, exponent = _scientific(value)
        return digits + (rf" \cdot 10^{{{exponent}}}" if exponent else "")

    def name(self, name: str) -> str:
        stem, index = _split(name)
        if stem in _GREEK:
            # In braces, so that no letter that follows joins the command.
            drawn = f"{{\\{stem}}}"
        elif len(stem) == 1 and stem.isascii() and stem.isalpha():
            drawn = stem
        elif stem.isascii() and stem.isalnum():
            drawn = rf"\mathrm{{{stem}}}"
        else:
            drawn = rf"\text{{{self._escape(stem)}}}"
        return f"{drawn}_{{{index}}}" if index else drawn

    def _escape(self, text: str) -> str:
        return "".join(
            _LATEX_SPECIALS.get(c, c if c.isprintable() else "\N{REPLACEMENT CHARACTER}")
            for c in text
        )

    def constant(self, name: str) -> str:
        return r"{\pi}" if name == "pi" else r"\mathrm{e}"

    def symbol(self, op: str) -> str:
        return _LATEX_SYMBOLS[op]

    def group(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def fraction(self, top: str, below: str) -> str:
        return rf"\frac{{{top}}}{{{below}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def root(self, inner: str) -> str:
        return rf"\sqrt{{{inner}}}"

    def absolute(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def call(self, function: str, arguments: list[str]) -> str:
        known = function in _LATEX_FUNCTIONS
        head = f"\\{function}" if known else rf"\operatorname{{{function}}}"
        return head + self.group(", ".join(a for a in arguments))

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        return (
            rf"\begin{{cases}}{then} & \text{{if }} {condition} \\ "
            rf"{otherwise} & \text{{otherwise}}\end{{cases}}"
        )


_MATHML_SYMBOLS = {
    "+": "+",
    "-": "\N{MINUS SIGN}",
    "negative": "\N{MINUS SIGN}",
    "*": "\N{DOT OPERATOR}",
    "<=": "\N{LESS-THAN OR EQUAL TO}",
    ">=": "\N{GREATER-THAN OR EQUAL TO}",
    "==": "=",
    "!=": "\N{NOT EQUAL TO}",
    "<": "&lt;",
    ">": "&gt;",
    "and": "\N{LOGICAL AND}",
    "or": "\N{LOGICAL OR}",
    "not": "\N{NOT SIGN}",
}


class _MathML:
    def number(self, value: float | int) -> str:
        digits, exponent = _scientific(value)
        # repr writes a minus as a hyphen.
        sign, digits = ("<mo>\N{MINUS SIGN}</mo>", digits[1:]) if digits[0] == "-" else ("", digits)
        if not exponent:
            return f"{sign}<mn>{digits}</mn>"
        minus = "\N{MINUS SIGN}" if exponent[0] == "-" else ""
        ten = f"<msup><mn>10</mn><mn>{minus}{exponent.lstrip('-')}</mn></msup>"
        return f"{sign}<mn>{digits}</mn><mo>\N{MULTIPLICATION SIGN}</mo>{ten}"

    def name(self, name: str) -> str:
        stem, index = _split(name)
        shown = _GREEK.get(stem, stem)
        safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
        drawn = f"<mi>{escape(safe, quote=False)}</mi>"
        return f"<msub>{drawn}<mn>{index}</mn></msub>" if index else drawn

    def constant(self, name: str) -> str:
        return "<mi>π</mi>" if name == "pi" else '<mi mathvariant="normal">e</mi>'

    def symbol(self, op: str) -> str:
        return f"<mo>{_MATHML_SYMBOLS[op]}</mo>"

    def group(self, inner: str) -> str:
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def fraction(self, top: str, below: str) -> str:
        return f"<mfrac><mrow>{top}</mrow><mrow>{below}</mrow></mfrac>"

    def power(self, base: str, exponent: str) -> str:
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def root(self, inner: str) -> str:
        return f"<msqrt>{inner}</msqrt>"

    def absolute(self, inner: str) -> str:
        return f"<mrow><mo>|</mo>{inner}<mo>|</mo></mrow>"

    def call(self, function: str, arguments: list[str]) -> str:
        inside = "<mo>,</mo>".join(arguments)
        return (
            f"<mrow><mi>{escape(function, quote=False)}</mi><mo>\N{FUNCTION APPLICATION}</mo>"
            + (self.group(inside) + "</mrow>")
        )

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        def row(left: str, right: str) -> str:
            return f"<mtr><mtd><mrow>{left}</mrow></mtd><mtd><mrow>{right}</mrow></mtd></mtr>"

        upper = row(then, f"<mtext>if </mtext>{condition}")
        lower = row(otherwise, "<mtext>otherwise</mtext>")
        return f"<mrow><mo>{{</mo><mtable>{upper}{lower}</mtable></mrow>"
