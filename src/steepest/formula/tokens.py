"""Text into tokens, with a sentence for everything that has no place in a formula.

Two things happen in one pass, so that the leftmost mistake is the one reported: characters
become tokens, and the order of the tokens is checked (operand, operator, operand). What
passes is well formed but for precedence, which `parse` leaves to Python's own grammar.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias

from steepest.formula.functions import ELSEWHERE, FUNCTIONS
from steepest.formula.names import quoted, shown
from steepest.words.errors import FormulaError
from steepest.words.suggest import suggest

MAX_LENGTH = 5000
MAX_PARENTHESES = 50

_SHOWN = 500
"""So much of a formula that is too long is shown."""

Kind: TypeAlias = Literal["model", "expression", "condition"]

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPERATOR = re.compile(r"\*\*|//|<=|>=|==|!=|<>|&&|\|\||:=|[-+*/(),<>=~]")

_TEXT_PLACE = "A text stands only behind == or !=, and a column before that: city == 'Rome'."

_NO_LISTS = (
    "A formula has no lists and no subscripts. For a weight, write w0 in the place of w[0]; else "
    "round parentheses."
)
_REFUSED = {
    "//": "Write / for a division.",
    "<>": "Write != for not equal.",
    "&&": "Write and.",
    "&": "Write and.",
    "||": "Write or.",
    "|": "Write or; the size of a number is abs(x).",
    "!": "Write not.",
    ":=": "A formula gives no names to values.",
    "^": "Write ** for a power.",
    "%": "A formula has no remainder; it works with + - * / and **.",
    "@": "Write * for a product.",
    "[": _NO_LISTS,
    "]": _NO_LISTS,
    "{": "Write round parentheses.",
    "}": "Write round parentheses.",
    "#": "A formula has no comments; put a column with such a name in backticks.",
    ":": "A formula has no : in it.",
    ";": "Write one formula only.",
    "\\": "A formula is plain text: write exp(x), not \\exp(x).",
    "−": "Write the minus sign of the keyboard, -.",
    "–": "Write the minus sign of the keyboard, -.",
    "—": "Write the minus sign of the keyboard, -.",
    "×": "Write * for a product.",
    "·": "Write * for a product.",
    "⋅": "Write * for a product.",
    "∗": "Write * for a product.",
    "÷": "Write / for a division.",
    "²": "Write **2.",
    "³": "Write **3.",
    "√": "Write sqrt(...).",
    "≤": "Write <=.",
    "≥": "Write >=.",
    "≠": "Write !=.",
    "π": "Write pi.",
    "∞": "A formula works with finite numbers.",
    "'": _TEXT_PLACE,
    '"': _TEXT_PLACE,
} | dict.fromkeys("“”‘’«»", "Write the quotes of the keyboard.")

CATEGORIES = "C"
"""What gives each category of a column a weight is written as a function of this name."""

_KEYWORDS = {
    "if": "Write where(condition, a, b).",
    "else": "Write where(condition, a, b).",
    "True": "Write 1, or a comparison such as x > 0.",
    "False": "Write 0, or a comparison such as x > 0.",
    "None": "A formula works with numbers only.",
    "is": "Write == to compare.",
    "in": "Write comparisons joined by or.",
    "lambda": "Write what is behind the colon only.",
    "return": "Write what is behind it only.",
}


@dataclass(frozen=True)
class Token:
    """`text` is the number or operator as written, the name or the text itself without quotes."""

    kind: Literal["number", "name", "text", "operator"]
    text: str
    start: int
    end: int
    quoted: bool = False
    value: float | int = 0


def fail(
    problem: str,
    text: str,
    start: int | None,
    end: int | None = None,
    *,
    instead: str | None = None,
) -> NoReturn:
    """Raise FormulaError with a caret under the columns from `start` to `end` of the text."""
    length = 1 if start is None or end is None else max(1, end - start)
    raise FormulaError(problem, formula=text, column=start, length=length, instead=instead)


_AFTER_TEXT = (")", ",", "and", "or", "~", "=")

_SPACES = re.compile(r"""(`(?:[^`]|``)*`|"[^"]*"|'[^']*')|\s+""")


def on_one_line(text: str) -> str:
    r"""The text with one space wherever it has white space, what stands in quotes apart.

    >>> on_one_line(" y ~ a*`my  x`\r\n  + b ")
    'y ~ a*`my  x` + b'
    """
    _check_text(text)
    return _SPACES.sub(lambda found: found[1] or " ", text).strip()


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise FormulaError(f"A formula is a text, not {type(text).__name__}.", formula="")


def tokenize(text: str, kind: Kind, columns: Collection[str]) -> list[Token]:
    """The tokens of a text, in an order that makes sense.

    `columns` serves the messages only: it tells that `my col` is a column that wants backticks.
    """
    _check_text(text)
    what = {"model": "formula", "expression": "expression", "condition": "condition"}[kind]
    if len(text) > MAX_LENGTH:
        raise FormulaError(
            f"The {what} has {len(text)} characters.",
            formula=text[:_SHOWN],
            instead=f"At most {MAX_LENGTH} are read; columns with shorter names make it shorter.",
        )
    tokens = _Order(text, kind, columns).check(_scan(text, columns))
    if not tokens:
        raise FormulaError(f"The {what} is empty.", formula=text)
    return tokens


def _scan(text: str, columns: Collection[str]) -> Iterator[Token]:
    position = 0
    while position < len(text):
        c = text[position]
        if c.isspace():
            position += 1
            continue
        if c == "`":
            token = _quoted(text, position)
        elif c in "'\"" and not text[:position][-1:].isalnum():
            token = _text(text, position)
        elif "0" <= c <= "9" or (c == "." and text[position + 1 : position + 2].isdecimal()):
            token = _number(text, position)
        elif c.isidentifier() and not (c == "π" and c not in columns):
            token = _name(text, position, columns)
        elif (match := _OPERATOR.match(text, position)) and match.group() not in _REFUSED:
            token = Token("operator", match.group(), position, match.end())
        else:
            _refuse(text, position, match.group() if match else c, columns)
        yield token
        position = token.end


def _quoted(text: str, start: int) -> Token:
    # A doubled backtick stands for one backtick of the name.
    match = re.compile(r"`((?:[^`]|``)*)`(?!`)", re.DOTALL).match(text, start)
    if match is None:
        fail("A backtick is not closed.", text, start, instead="Write `name`.")
    if not match.group(1):
        fail("There is no name between the backticks.", text, start, match.end())
    return Token("name", match.group(1).replace("``", "`"), start, match.end(), quoted=True)


def _text(text: str, start: int) -> Token:
    # As with backticks, a doubled quote stands for one of the text.
    quote = text[start]
    match = re.compile(f"{quote}((?:[^{quote}]|{quote * 2})*){quote}", re.DOTALL).match(text, start)
    if match is None:
        fail("This quote is not closed.", text, start, instead=_TEXT_PLACE)
    if start == 0 and match.end() == len(text):
        fail("The formula stands in quotes.", text, 0, instead="Leave out the quotes around it.")
    # Cells are read without the spaces around them.
    inside = match.group(1).replace(quote * 2, quote).strip()
    return Token("text", inside, start, match.end())


def _number(text: str, start: int) -> Token:
    match = _NUMBER.match(text, start)
    if match is None:
        fail("This is not a number.", text, start, instead="Write it with the digits 0 to 9.")
    written, end = match.group(), match.end()
    after = text[end : end + 1]
    if after == "_":
        fail("A number has no underscores.", text, end)
    if after in ("j", "J") and not ("_" + text[end + 1 : end + 2]).isidentifier():
        fail("A formula works with real numbers, not complex ones.", text, start, end + 1)
    if after.isidentifier() or after == "`":
        name = re.compile(r"\w{0,20}").match(text, end)
        fail(
            "An operator is missing here.",
            text,
            end,
            instead=f"To multiply, write {written}*{name.group() if name else ''}.",
        )
    value: float | int = int(written) if written.isdecimal() else float(written)
    if abs(value) > 2**53:
        # From its text: a whole number beyond all floats is infinite then, and no error.
        value = float(written)
    if math.isinf(value):
        fail("This number is too large.", text, start, end, instead="At most 1.797e308 is read.")
    if value == 0 and re.search("[1-9]", re.split("[eE]", written)[0]):
        fail("This number is too small.", text, start, end, instead="At least 1e-307 is read.")
    return Token("number", written, start, end, value=value)


def _name(text: str, start: int, columns: Collection[str]) -> Token:
    end = start + 1
    while end < len(text) and ("_" + text[end]).isidentifier():
        end += 1
    written = text[start:end]
    # Full-width letters are the letters themselves, unless a column is really called so.
    name = written if written in columns else unicodedata.normalize("NFKC", written)
    if name in ("and", "or", "not") and written.isascii():
        return Token("operator", name, start, end)
    if keyword.iskeyword(name) or not name.isidentifier():
        instead = _KEYWORDS.get(name, "Choose another name.")
        if name in columns:
            instead = f"To use the column, write `{name}` in backticks."
        fail(
            f"{name} is a word of the language and names no weight.",
            text,
            start,
            end,
            instead=instead,
        )
    return Token("name", name, start, end)


def _refuse(text: str, position: int, symbol: str, columns: Collection[str]) -> NoReturn:
    instead = _REFUSED.get(symbol)
    if symbol == ".":
        _refuse_library(text, position)
    before = re.search(r"\w+\Z", text[:position])
    column = _starting(text, before.start(), columns) if before else None
    if column is not None:
        instead = f"To use the column, write {shown(column)} in backticks."
    elif symbol == ".":
        instead = "A column whose name has a dot in it is written in backticks."
    what = symbol if symbol.isprintable() else f"Character U+{ord(symbol):04X}"
    fail(
        f"{what} has no place in a formula.",
        text,
        position,
        position + len(symbol),
        instead=instead,
    )


_LIBRARY = re.compile(r"(?:np|numpy|math|jnp|jax|torch|scipy|tf|special)\.(?:\w+\.)*(\w+)")


def _refuse_library(text: str, position: int) -> None:
    """Refuse `np.exp` and the like, with the function's own name."""
    before = re.search(r"[\w.]+\Z", text[:position])
    found = None if before is None else _LIBRARY.match(text, before.start())
    if found is not None:
        own = ELSEWHERE.get(found[1].casefold(), found[1])
        fail(
            "A formula knows its functions by their names alone.",
            text,
            found.start(),
            found.end(),
            instead=f"Write {own}, without the library's name.",
        )


def _begun_by(name: str, columns: Collection[str]) -> str | None:
    """The column whose name goes on after this word: Size (m2)."""
    here = [c for c in columns if re.match(rf"{re.escape(name)}\s*\(", c)]
    return min(here, key=len, default=None)


def _starting(text: str, position: int, columns: Collection[str]) -> str | None:
    """The longest column written at this position that would have to stand in backticks."""
    here = [c for c in columns if c and text.startswith(c, position) and quoted(c) != c]
    return max(here, key=len, default=None)


class _Order:
    """Checks that operands and operators take turns and that parentheses match."""

    def __init__(self, text: str, kind: Kind, columns: Collection[str]):
        self.text = text
        self.kind = kind
        self.columns = columns
        self.tokens: list[Token] = []
        self.open: list[tuple[Token, bool]] = []
        """Each open parenthesis, and whether it belongs to a call."""
        self.wants_operand = True

    def check(self, tokens: Iterator[Token]) -> list[Token]:
        for token in tokens:
            if token.kind == "operator":
                self._operator(token)
            else:
                self._operand(token)
            self.tokens.append(token)
        if self.open:
            fail("This parenthesis is not closed.", self.text, self.open[-1][0].start)
        if self.tokens and self.wants_operand:
            self._nothing_after(self.tokens[-1])
        return self.tokens

    def _operand(self, token: Token) -> None:
        if token.kind == "text":
            self._text(token)
        if not self.wants_operand:
            previous = self.tokens[-1]
            column = _starting(self.text, previous.start, self.columns)
            fail(
                "An operator is missing here.", self.text, token.start, token.end,
                instead="To multiply, write *." if column is None
                else f"To use the column, write {shown(column)} in backticks.",
            )  # fmt: skip
        self.wants_operand = False

    def _text(self, token: Token) -> None:
        before = [(one.kind, one.text) for one in self.tokens[-2:]]
        match before:
            case [("name", _), ("operator", "==" | "!=")] if self.kind != "expression":
                if not token.text:
                    fail(
                        "There is no text between the quotes.", self.text, token.start, token.end,
                        instead="Rows without a category are left out by themselves.",
                    )  # fmt: skip
                return
        if self.kind == "expression":
            instead = "An expression works with numbers only."
        elif token.text in self.columns:
            instead = f"To use the column, write {shown(token.text)}" + (
                " in backticks." if quoted(token.text) != token.text else " without quotes."
            )
        else:
            instead = _TEXT_PLACE
        fail("A text has no place here.", self.text, token.start, token.end, instead=instead)

    def _operator(self, token: Token) -> None:
        if self.tokens and self.tokens[-1].kind == "text" and token.text not in _AFTER_TEXT:
            fail(
                f"There is no {token.text} with a text.", self.text, token.start, token.end,
                instead="Put the comparison in parentheses: a*(city == 'Rome').",
            )  # fmt: skip
        match token.text:
            case "(":
                self._opening(token)
            case ")":
                self._closing(token)
            case ",":
                if not self.open or not self.open[-1][1]:
                    fail(
                        "A comma only stands between the arguments of a function.",
                        self.text, token.start, instead="Write 0.5 with a point.",
                    )  # fmt: skip
                self._needs_left(token)
                self.wants_operand = True
            case "-" | "not" if self.wants_operand:
                pass
            case "+" if self.wants_operand:
                fail(
                    "There is nothing to the left of this +.",
                    self.text,
                    token.start,
                    instead="Leave the + out.",
                )
            case "not":
                fail("An operator is missing before not.", self.text, token.start, token.end)
            case "=":
                self._equals(token)
            case "~":
                self._tilde(token)
            case _:
                self._needs_left(token)
                self.wants_operand = True

    def _needs_left(self, token: Token) -> None:
        if self.wants_operand:
            fail(
                f"There is nothing to the left of this {token.text}.",
                self.text,
                token.start,
                token.end,
            )

    def _nothing_after(self, token: Token) -> NoReturn:
        fail(
            f"There is nothing to the right of this {token.text}.",
            self.text,
            token.start,
            token.end,
        )

    def _opening(self, token: Token) -> None:
        previous = self.tokens[-1] if self.tokens else None
        if len(self.open) == MAX_PARENTHESES:
            fail(
                "The parentheses are nested too deeply.",
                self.text,
                token.start,
                instead=f"At most {MAX_PARENTHESES} may be open at once.",
            )
        if self.wants_operand:
            self.open.append((token, False))
            return
        assert previous is not None
        if previous.kind != "name":
            fail(
                "An operator is missing here.",
                self.text,
                token.start,
                instead="To multiply, write *.",
            )
        known = FUNCTIONS if self.kind != "model" else {*FUNCTIONS, CATEGORIES}
        if previous.quoted or previous.text not in known:
            self._no_function(previous)
        self.open.append((token, True))
        self.wants_operand = True

    def _no_function(self, token: Token) -> NoReturn:
        name = token.text
        defined = re.fullmatch(r"\s*\w+\s*\([\w\s,]*\)\s*=\s*([^=]+)", self.text)
        if defined and not self.tokens[:-1]:
            written = defined[1].strip()
            whole = f"y ~ {written}, with the column that is to be predicted in the place of y"
            instead = f"Write {whole if self.kind == 'model' else f'only {written}'}."
            problem = "A formula has no name."
        elif name in self.columns:
            problem, instead = (
                f"{shown(name)} is a column, not a function.",
                "To multiply, write *.",
            )
        elif (column := _begun_by(name, self.columns)) is not None:
            problem = f"There is no function {shown(name)}."
            instead = f"To use the column, write {shown(column)} in backticks."
        else:
            elsewhere = ELSEWHERE.get(name.casefold())
            near = [elsewhere] if elsewhere else suggest(name, FUNCTIONS)
            problem = f"There is no function {shown(name)}."
            if name == "pow":
                instead = "Write ** for a power."
            elif near:
                instead = f"Did you mean {' or '.join(near)}? To multiply, write *."
            else:
                instead = f"To multiply, write *. The functions are {', '.join(FUNCTIONS)}."
        fail(problem, self.text, token.start, token.end, instead=instead)

    def _closing(self, token: Token) -> None:
        if not self.open:
            fail("This parenthesis was never opened.", self.text, token.start)
        opening, is_call = self.open.pop()
        if self.wants_operand:
            previous = self.tokens[-1]
            if previous is opening:
                if is_call:
                    name = self.tokens[-2]
                    fail(f"{name.text} has no argument.", self.text, name.start, token.end)
                fail("There is nothing in these parentheses.", self.text, opening.start, token.end)
            self._nothing_after(previous)

    def _equals(self, token: Token) -> None:
        if self.open and self.open[-1][1]:
            problem, instead = "An argument is given by its position.", "Leave out the name and =."
            opening = self.open[-1][0]
            if any(t.text == "where" and t.end <= opening.start for t in self.tokens):
                instead = "Leave out the name and =, or write == to compare."
        elif self.kind == "model":
            problem = "A formula has ~ between target and model, not =."
            instead = "Write target ~ model, or == to compare."
            if self.text.count("=") == 1 and "~" not in self.text:
                instead = f"Write {self.text.replace('=', '~').strip()}."
        elif self.kind == "condition":
            problem, instead = "A single = compares nothing.", "Write ==."
        else:
            problem = "An expression has no =."
            right = self.text[token.end :].strip()
            instead = f"Write what is to be minimized only: {right or 'x**2'}."
        fail(problem, self.text, token.start, instead=instead)

    def _tilde(self, token: Token) -> None:
        if self.kind != "model":
            what = "An expression" if self.kind == "expression" else "A condition"
            fail(
                f"{what} has no ~.",
                self.text,
                token.start,
                instead="A formula with ~ needs data: steepest fit.",
            )
        if self.open:
            fail("A parenthesis is still open before ~.", self.text, self.open[-1][0].start)
        if any(t.text == "~" and t.kind == "operator" for t in self.tokens):
            fail(
                "There is more than one ~.",
                self.text,
                token.start,
                instead="A formula has one, between target and model.",
            )
        if self.wants_operand:
            fail(
                "There is no target to the left of ~.",
                self.text,
                token.start,
                instead="Write target ~ model.",
            )
        self.wants_operand = True
