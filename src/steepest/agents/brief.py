"""Small answers made of documents: what is read first, and parts of the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from steepest.words.errors import UsageError
from steepest.words.suggest import suggest
from steepest.words.wording import escaped

_MOST_WEIGHTS: Final = 12
MOST_CHARACTERS: Final = 8000
"""Of a part in one answer."""


def brief(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is read first of a document. What it leaves out stands there under the same names."""
    if document["command"] == "sweep":
        return _of_sweep(document)
    said = document["verdict"] or {"headline": None, "learning_rate": None, "findings": ()}
    findings = [_only(one, "code", "severity", "sentence") for one in said["findings"]]
    return {
        "command": document["command"],
        "run": document["run"],
        "headline": said["headline"],
        "learning_rate": said["learning_rate"],
        "findings": findings,
        "best_remedy": _best(document["remedies"]),
        **(_of_training(document) if "model" in document else _of_descent(document)),
        "not_measured": sorted(document["not_measured"]),
    }


def _of_descent(document: Mapping[str, Any]) -> dict[str, Any]:
    descent, minimum, weights = document["descent"], document["minimum"], document["weights"]
    first = dict(list(weights.items())[:_MOST_WEIGHTS])
    return {
        **_only(descent, "optimizer", "lr", "steps", "stopped"),
        "loss": descent["final_loss"],
        "minimum": None if minimum is None else _only(minimum, "loss", "gap", "proven"),
        "stability_limit": document["stability_limit"],
        "weights": {name: _only(one, "value", "gradient") for name, one in first.items()},
        "weights_left_out": len(weights) - len(first),
    }


def _of_training(document: Mapping[str, Any]) -> dict[str, Any]:
    losses, learned = document["losses"], document["learned"]
    return {
        **_only(document, "model", "steps", "ended"),
        "losses": None if losses is None else _only(losses, "start", "first", "last", "lowest"),
        "metrics": None if learned is None else learned["metrics"],
    }


def _of_sweep(document: Mapping[str, Any]) -> dict[str, Any]:
    best = document["best"]
    return {
        **_only(document, "command", "headline", "goal", "stability_limit", "edge"),
        "best": None if best is None else _only(best, "lr", "steps", "zone", "how"),
        "zones": dict(Counter(rate["zone"] for rate in document["rates"])),
        "not_measured": sorted(document["not_measured"]),
    }


def _best(remedies: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not remedies:
        return None
    shown = ("sentence", "options", "command", "measured_steps", "measured_loss", "reached")
    return _only(remedies[0], *shown)


def _only(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names}


def sizes(document: Mapping[str, Any]) -> dict[str, int]:
    """The parts of a document and how many characters each has."""
    return {name: len(_text(part)) for name, part in document.items()}


def part_of(document: Mapping[str, Any], path: str, offset: int) -> dict[str, Any]:
    """A part by its dotted path, as the value; of a large one its text as JSON, piece by piece.

    Raises UsageError for a path that leads nowhere.
    """
    found: Any = document
    for name in path.split(".") if path else ():
        found = _below(found, name, path)
    text = _text(found)
    if len(text) <= MOST_CHARACTERS and offset == 0:
        return {"part": path, "value": found}
    if not 0 <= offset < len(text):
        raise UsageError(
            "The part ends before this offset.",
            given=f"{offset}",
            instead=f"It has {len(text):,} characters.",
        )
    ends = offset + MOST_CHARACTERS
    below = found if isinstance(found, Mapping) else {}
    return {
        "part": path,
        "characters": len(text),
        "parts": {name: len(_text(one)) for name, one in list(below.items())[:100]},
        "json": text[offset:ends],
        "next_offset": ends if ends < len(text) else None,
    }


def _below(found: Any, name: str, path: str) -> Any:
    if isinstance(found, Mapping) and name in found:
        return found[name]
    if isinstance(found, list) and name.isdecimal() and len(name) < 10 and int(name) < len(found):
        return found[int(name)]
    if isinstance(found, Mapping):
        near, known = suggest(name, found), ", ".join(map(escaped, list(found)[:30]))
        hint = f"Did you mean {escaped(near[0])}?" if near else f"There are {known}."
    elif isinstance(found, list) and found:
        hint = f"There are 0 to {len(found) - 1}."
    else:
        hint = "There is nothing below."
    raise UsageError("The result has no such part.", given=f'"{escaped(path)}"', instead=hint)


def _text(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False)
