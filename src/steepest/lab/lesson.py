"""A lesson: a path through the lab, read from a folder of Markdown, a stop a file.

Above the text of a stop stands in TOML what the page shows then: a problem, a step, a part of it,
and which figures. The text asks for a prediction; below a line `---` it says what happens, and
`[then]` what the page shows with it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from steepest.lab.problem import OPTIONS, Asked, read_problem, shown
from steepest.lab.uploads import Uploads
from steepest.words.errors import InputError, SteepestError

VIEWS: Final = ("fit", "loss", "contour", "courses")
"""What `show` chooses from: the figures above the timeline."""

_PARTS: Final = ("initialize", "predict", "loss", "gradient", "step", "repeat", "stop")
_FENCE: Final = "+++"
_PROBLEM: Final = ("example", "formula", *OPTIONS)
_PLACE: Final = ("step", "part", "show")
_STOP: Final = ("title", "ask", "choices", "answer", "then", "data")
_MOST: Final = 200_000
"""Characters of a stop."""


@dataclass(frozen=True)
class PageState:
    """What the page shows."""

    problem: Asked
    step: int | None
    """None for the last one."""
    part: str | None
    show: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """In terms of JSON."""
        return {
            "problem": self.problem.to_dict(),
            "step": self.step,
            "part": self.part,
            "show": self.show,
        }


@dataclass(frozen=True)
class Stop:
    """A stop of a lesson: what is shown, what is asked, and what comes of it."""

    name: str
    title: str
    text: str
    ask: str | None
    choices: tuple[str, ...]
    answer: int | None
    """Which of the choices is right, from 1."""
    reveals: str
    state: PageState
    then: PageState

    def to_dict(self) -> dict[str, Any]:
        """In terms of JSON."""
        told = {name: getattr(self, name) for name in ("name", "title", "text", "ask", "reveals")}
        return {
            **told,
            "choices": self.choices,
            "answer": self.answer,
            "state": self.state.to_dict(),
            "then": self.then.to_dict(),
        }


def own_lesson() -> Traversable:
    """The folder of the lesson that comes with the lab."""
    return resources.files("steepest.lab") / "lessons" / "descent"


def read_lesson(folder: Traversable, uploads: Uploads) -> tuple[Stop, ...]:
    """The stops of a folder, in the order of their names; their data is kept in `uploads`.

    Raises InputError, which names the file at fault.
    """
    try:
        files = sorted(
            (file for file in folder.iterdir() if file.name.endswith(".md")),
            key=lambda file: file.name,
        )
        stops = [(file.name, file.read_text("utf-8")) for file in files]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("This lesson cannot be read.", given=shown(str(folder))) from error
    if not stops:
        raise InputError(
            "A lesson is a folder with a file in Markdown for each stop, and here is none.",
            given=shown(str(folder)),
        )
    return tuple(_stop(folder, name, text, uploads) for name, text in stops)


def _stop(folder: Traversable, name: str, text: str, uploads: Uploads) -> Stop:
    try:
        given, body = _halves(text)
        unknown = set(given) - {*_PROBLEM, *_PLACE, *_STOP}
        later = given.get("then", {})
        unknown |= set(later) - {*_PROBLEM, *_PLACE}
        if unknown:
            raise InputError(
                f"There is nothing called {min(unknown)} in a stop.",
                instead=f"Known are {', '.join((*_STOP, *_PLACE, *_PROBLEM))}.",
            )
        choices = tuple(map(str, given.get("choices", ())))
        answer = given.get("answer")
        if choices and answer not in range(1, len(choices) + 1):
            raise InputError("answer must be the place of a choice, from 1.", given=shown(answer))
        before, _, after = body.partition("\n---\n")
        kept = {} if "data" not in given else {"upload": _data(folder, given["data"], uploads)}
        return Stop(
            name=name.removesuffix(".md"),
            title=str(given.get("title", name.removesuffix(".md"))),
            text=before.strip(),
            ask=given.get("ask"),
            choices=choices,
            answer=answer if choices else None,
            reveals=after.strip(),
            state=_state({**given, **kept}),
            then=_state({**given, **kept, **later}),
        )
    except SteepestError as error:
        raise InputError(
            f"{name} of the lesson: {error.problem}", given=error.given, instead=error.instead
        ) from error


def _halves(text: str) -> tuple[dict[str, Any], str]:
    """What stands between the two fences, and what stands behind them."""
    begins, _, rest = text[:_MOST].replace("\r\n", "\n").partition(f"{_FENCE}\n")
    head, fence, body = rest.partition(f"\n{_FENCE}\n")
    if begins.strip() or not fence:
        raise InputError(f"A stop begins with a line {_FENCE}, TOML, and a line {_FENCE}.")
    try:
        return tomllib.loads(head), body
    except tomllib.TOMLDecodeError as error:
        raise InputError("What stands above the text is not TOML.", given=str(error)) from error


def _data(folder: Traversable, name: Any, uploads: Uploads) -> str:
    """The data of a file beside the stops, by its id."""
    if not isinstance(name, str) or "/" in name or "\\" in name:
        raise InputError("data must name a file beside the stop.", given=shown(name))
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise InputError("There is no such data beside the stop.", given=shown(name)) from error
    return uploads.keep(content, name)


def _state(given: Mapping[str, Any]) -> PageState:
    problem = {name: given[name] for name in (*_PROBLEM, "upload") if name in given}
    step, part, show = given.get("step"), given.get("part"), given.get("show", VIEWS)
    if not (step is None or (isinstance(step, int) and step >= 0)):
        raise InputError("step must be a whole number from 0.", given=shown(step))
    if part not in (None, *_PARTS):
        raise InputError("There is no such part.", given=shown(part), instead=_listed(_PARTS))
    if not isinstance(show, list | tuple) or not set(show) <= set(VIEWS):
        raise InputError("show names figures.", given=shown(show), instead=_listed(VIEWS))
    return PageState(read_problem(problem), step, part, tuple(show))


def _listed(names: tuple[str, ...]) -> str:
    return f"There are {', '.join(names)}."
