"""The TypeScript of a figure: the types of its data, and what draws it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import Any, Final, is_typeddict

from steepest.show.figures import FIGURE_KINDS

HEAD: Final = "// Made by `python -m frontend.generate` from {0}: change it there.\n"

TYPES: Final = {
    "bool": "boolean",
    "int": "number",
    "float": "number",
    "str": "string",
    "Steps": "number[]",
    "Vector": "number[]",
    "Matrix": "number[][]",
    "Cube": "number[][][]",
}

NUMBERS: Final = TYPES.keys() - {"bool", "str"}
"""What can be infinite or none, which JSON says by a name; a board from elsewhere says anything."""

OF_BOARD: Final = ("frames", "gradient", "loss", "values")

COMMON: Final = """
export interface AxisData {
  label: string;
  scale: "linear" | "log" | "symlog";
}

interface Common {
  title: string;
  text: string;
  x: AxisData;
  y: AxisData;
  z?: AxisData;
  notes: string[];
  frames?: number[];
  at?: number;
  weights?: string[];
}
"""


def types() -> str:
    """The module of types: an interface for each kind, and what it is made of."""
    parts: dict[type, str] = {}
    for kind, data in FIGURE_KINDS.items():
        for part in _parts(data):
            parts.setdefault(part, _interface(part))
        parts[data] = _interface(data, kind)
    union = "".join(f"\n  | {data.__name__}" for data in FIGURE_KINDS.values())
    numeric = "".join(f'\n  "{key}",' for key in sorted(_numeric()))
    return (
        HEAD.format("src/steepest/show/figures")
        + COMMON
        + "\n"
        + "\n".join(parts.values())
        + f"\nexport type FigureData ={union};\n"
        + "\n/** Keys under which a number can be infinite or none. */\n"
        + f"export const NUMERIC = [{numeric}\n];\n"
    )


def table() -> str:
    """The module with what draws each kind: `drawName` of the file of its name."""
    drawn = {kind: f"draw{kind.capitalize()}" for kind in FIGURE_KINDS}
    return (
        HEAD.format("src/steepest/show/figures/kinds.py")
        + "\n"
        + "".join(
            f'import {{ {name} }} from "../figures/{kind}";\n'
            for kind, name in sorted(drawn.items())
        )
        + 'import type { Draw } from "../frame";\n'
        + 'import type { FigureData } from "./figures";\n'
        + '\ntype Kind = FigureData["kind"];\n'
        + "\nexport const DRAW: { [K in Kind]: Draw<Extract<FigureData, { kind: K }>> } = {\n"
        + "".join(f"  {kind}: {name},\n" for kind, name in drawn.items())
        + "};\n"
    )


def _parts(data: type) -> Iterator[type]:
    """The records that one is made of, the innermost first."""
    for annotation in _annotations(data).values():
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                found: Any = getattr(sys.modules[data.__module__], node.id, None)
                if is_typeddict(found):
                    yield from _parts(found)
                    yield found


def _annotations(data: Any) -> dict[str, ast.expr]:
    """Key -> its type, as it is written; what a record inherits comes first."""
    said = {}
    for key, given in data.__annotations__.items():
        # A record whose keys are no names is written as a call, with types instead of their text.
        plain = given.__name__ if type(given) is type else str(given)
        said[key] = ast.parse(getattr(given, "__forward_arg__", plain), mode="eval").body
    return said


def _interface(data: Any, kind: str | None = None) -> str:
    lines = [] if kind is None else [f'  kind: "{kind}";']
    for key, said in _annotations(data).items():
        optional = isinstance(said, ast.Subscript) and ast.unparse(said.value) == "NotRequired"
        inner = said.slice if optional and isinstance(said, ast.Subscript) else said
        lines.append(f"  {key}{'?' * optional}: {_type(inner)};")
    extends = "" if kind is None else " extends Common"
    return f"export interface {data.__name__}{extends} {{\n" + "\n".join(lines) + "\n}\n"


def _type(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=None):
            return "null"
        case ast.Name(id=name):
            return TYPES.get(name, name)
        case ast.BinOp(left=one, op=ast.BitOr(), right=other):
            return f"{_type(one)} | {_type(other)}"
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            said = _type(inner)
            return f"({said})[]" if "|" in said else f"{said}[]"
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=parts)):
            return f"[{', '.join(map(_type, parts))}]"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=words)):
            return " | ".join(f'"{ast.literal_eval(word)}"' for word in words)
    raise TypeError(f"No type of TypeScript is known for {ast.unparse(node)}.")


def _numeric() -> set[str]:
    """Keys whose numbers are revived; where a key has words somewhere, these stay what they are."""
    numbers, words = set(OF_BOARD), set()
    for data in {part for kind in FIGURE_KINDS.values() for part in (*_parts(kind), kind)}:
        for key, said in _annotations(data).items():
            names = {node.id for node in ast.walk(said) if isinstance(node, ast.Name)}
            if names & NUMBERS:
                numbers.add(key)
            elif "str" in names:
                words.add(key)
    return numbers - words
