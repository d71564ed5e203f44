"""Write the parts of these pages that come out of the program: help texts, tables, checks.

A generated part stands between two comments, `<!-- generated: NAME -->` and `<!-- end -->`; the
rest of a page is written by hand. `python -m docs.generate` writes them, `--check` compares only.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click
import grimp

from steepest.agents.server import TOOLS
from steepest.checks import CHECKS
from steepest.checks.about import to_do
from steepest.cli import steepest
from steepest.methods.losses import LOSS, LOSSES
from steepest.methods.optimizers import OPTIMIZER, Factor
from steepest.methods.option import flag, options_of
from steepest.methods.options import FitOptions, TrainOptions
from steepest.methods.schedules import SCHEDULE
from steepest.words.field import words

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "src" / "steepest"
PAGES = "../src/steepest/checks/pages"
WORDS = "../src/steepest/words/field/pages"

WIDTH = 78
"""What click leaves of a terminal of 80 columns."""

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def commands(
    command: click.Command = steepest, name: str = "steepest", parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, str]]:
    """Every command with its whole name and its help text, the group itself first."""
    context = command.context_class(
        command, parent, info_name=name, terminal_width=WIDTH, **command.context_settings
    )
    yield context.command_path, command, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from commands(command.commands[child], child, context)


def help_texts() -> str:
    """The help text of every command."""
    return "".join(
        f"\n### `{path}`\n\n```text\n{text.rstrip()}\n```\n" for path, _, text in commands()
    )


def list_of_checks() -> str:
    """The checks by family, each with a link to its page."""
    text = ""
    for family, checks in groupby(CHECKS.values(), key=lambda check: check.family):
        text += f"\n### {family[:1].upper()}{family[1:]}\n\n| check | it says |\n|---|---|\n"
        for check in checks:
            text += (
                f"| [{check.code}]({PAGES}/{check.code}.md) · {check.name} | {check.summary} |\n"
            )
    return text


def findings() -> str:
    """The checks, each with the first that its page says to do."""
    rows = (f"| [{code}]({PAGES}/{code}.md) | {one.summary} | {_first(to_do(code))} |\n"
            for code, one in CHECKS.items())  # fmt: skip
    return "| code | it says | what to do |\n|---|---|---|\n" + "".join(rows)


def _first(text: str) -> str:
    """The first paragraph, or the first entry of a list, on one line of a table."""
    first, _, code = re.split(r"\n\n(?!```)|\n- ", text.removeprefix("- "))[0].partition(
        "```python"
    )
    lines = ", ".join(f"`{line}`" for line in code.rstrip("`\n").split("\n") if line)
    return " ".join([*first.split(), lines]).strip().replace("|", "\\|")


def list_of_words() -> str:
    """The words of the field, each with a link to its page."""
    rows = (
        f"| [{word.name}]({WORDS}/{word.file}) | {', '.join(word.also)} | {word.meaning} |"
        for word in words().values()
    )
    return "\n".join(["| word | also | means |", "|---|---|---|", *rows, ""])


def for_agents() -> str:
    """`llms.txt`: what this is, and where everything stands, for a reader that is a program."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    pages = re.findall(
        r"^\| (.+) \| (\[.+\)) \|$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE
    )
    linked = [(wish, title, page) for wish, links in pages
              for title, page in re.findall(r"\[([^]]+)\]\((\w+\.md)\)", links)]  # fmt: skip
    parts = {
        "Commands": [
            f"- `{_usage(one, path)}`: {one.get_short_help_str(200)}"
            for path, one, _ in commands()
            if not isinstance(one, click.Group)
        ],
        "Checks": [f"- {one.code} ({one.name}): {one.summary}" for one in CHECKS.values()],
        "Docs": [f"- [{title}](docs/{page}): to {wish}" for wish, title, page in linked],
    }
    sections = "".join(f"\n## {name}\n\n" + "\n".join(of) + "\n" for name, of in parts.items())
    return f"# Steepest\n\n> {project['description']}\n\n{_FOR_AGENTS}{sections}"


_FOR_AGENTS = """\
`pip install steepest`, then almost any command with `--json`: one document on standard output, of
an error too. `remedies[0].command` of it is the change that helped most, as a command that was run.
docs/programs.md says what to read first, docs/json.md every key. `steepest mcp` offers the same
over stdio. In Python: `steepest.fit`, `minimize`, `sweep`, `train`, `watch`, `judge`, `explain`.
"""


def _usage(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path)
    return " ".join([path, *(word for word in command.collect_usage_pieces(context)
                             if word != "[OPTIONS]")])  # fmt: skip


def optimizers() -> str:
    """What each optimizer does in a step."""
    rows = "".join(f"| `{name}` | {one.step} | {one.note} |\n" for name, one in OPTIMIZER.items())
    return f"| `--optimizer` | a step | further numbers |\n|---|---|---|\n{rows}"


def stability() -> str:
    """The stability limit of each optimizer, and where it comes from."""
    rows = "".join(
        f"| `{name}` | {_limit(one.factor)} | {one.source} |\n"
        for name, one in OPTIMIZER.items()
        if one.optax is not None
    )
    return f"| optimizer | limit | from |\n|---|---|---|\n{rows}"


def told() -> str:
    """The sections of the options that tell them by themselves."""
    options = {**options_of(FitOptions), **options_of(TrainOptions)}
    sections = (f"#### `{flag(name)}`\n\n{one.told}\n" for name, one in options.items() if one.told)
    return "\n".join(sections)


def schedules() -> str:
    """What the learning rate does under each schedule."""
    rows = "".join(f"| `{name}` | {one.says} |\n" for name, one in SCHEDULE.items())
    return f"| `--schedule` | the learning rate |\n|---|---|\n{rows}"


def losses() -> str:
    """Each loss with its slope."""
    head = "| `--loss` | the loss | its slope by a prediction | where there is a kink |"
    rows = (
        f"| `{name}` | {one.written} | {one.slope} | {one.kink} |"
        for name, one in LOSS.items()
        if name in LOSSES
    )
    return "\n".join([head, "|---|---|---|---|", *rows, ""])


def _limit(factor: Factor | None) -> str:
    if factor is None:
        return "none"
    over, _, under = str(factor).partition("/")
    return f"{over}/({under}·λ)" if under else f"{over}/λ"


def tools() -> str:
    """What an agent can ask."""
    rows = (
        f"| `{name}` | {one.says} | {', '.join(f'`{need}`' for need in one.needs)} |\n"
        for name, one in TOOLS.items()
    )
    return "| tool | it gives | needs |\n|---|---|---|\n" + "".join(rows)


def tree() -> str:
    """The rooms from the highest floor to the lowest, each with what it says of itself."""
    rows = ""
    for room in _rooms():
        home = PACKAGE / room / "__init__.py"
        words = ast.get_docstring(ast.parse(home.read_text("utf-8"))) or ""
        rows += f"| `{room}/` | {words.splitlines()[0]} |\n"
    return f"| folder | holds |\n|---|---|\n{rows}"


def picture() -> str:
    """Who knows whom: an arrow goes from a room to one that it imports from.

    Without those that follow from others: where A knows B and B knows C, an arrow from A to C would
    only hide the rest.
    """
    lines, below = [], dict[str, set[str]]()
    known = _known()
    for room in reversed(_rooms()):
        below[room] = known[room].union(*(below[other] for other in known[room]))
        needed = {one for one in known[room] if not any(one in below[o] for o in known[room])}
        lines += [f"  {room} --> {one}" for one in sorted(needed)]
    return "\n```mermaid\nflowchart TD\n" + "\n".join(reversed(lines)) + "\n```\n"


def _rooms() -> list[str]:
    """The floors of the import contract with their rooms, the highest first."""
    project = tomllib.loads((PACKAGE.parent.parent / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    floors = next(one for one in contracts if one["type"] == "layers")["layers"]
    return [room.strip() for floor in floors for room in floor.split("|") if room != "__main__"]


def _known() -> dict[str, set[str]]:
    """Room -> the rooms that its files import from."""
    graph = grimp.build_graph("steepest", exclude_type_checking_imports=False, cache_dir=None)
    found: dict[str, set[str]] = {room: set() for room in _rooms()}
    for module in graph.modules - {"steepest", "steepest.__main__"}:
        room = module.split(".")[1]
        others = graph.find_modules_directly_imported_by(module) - {"steepest"}
        found[room] |= {other.split(".")[1] for other in others} - {room}
    return found


PARTS = {
    "findings": findings,
    "help": help_texts,
    "list": list_of_checks,
    "losses": losses,
    "optimizers": optimizers,
    "picture": picture,
    "schedules": schedules,
    "stability": stability,
    "told": told,
    "tools": tools,
    "tree": tree,
    "words": list_of_words,
}
"""Name -> what stands there."""


def generated(page: str) -> str:
    """The page with its generated parts made anew."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n", page)


def main() -> int:
    """Write the pages, or with --check say which are out of date; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of docs/.")
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    stale = []
    for path in [*sorted(DOCS.glob("*.md")), *(DOCS.parent.glob("llms.txt"))]:
        before = path.read_text("utf-8")
        after = for_agents() if path.name == "llms.txt" else generated(before)
        if after != before:
            stale.append(path.name)
            if not check:
                path.write_text(after, "utf-8")
    if check and stale:
        print(
            f"Out of date in docs: {', '.join(stale)}. Run: python -m docs.generate",
            file=sys.stderr,
        )
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
