import pytest

from steepest.formula.names import did_you_mean, quoted, shown
from steepest.words.suggest import suggest


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("spead", ["speed"]),
        ("SPEED", ["speed"]),
        ("qqq", []),
        ("s" * 10_000, []),
        ("Tim", ["time"]),
    ],
    ids=lambda v: str(v)[:10],
)
def test_suggest(name: str, near: list[str]) -> None:
    assert suggest(name, ["time", "speed", "my col", "t" * 10_000]) == near


def test_did_you_mean() -> None:
    assert did_you_mean("mycol", ["my col"]) == "Did you mean `my col`?"
    assert did_you_mean("q", ["my col"]) is None


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("speed", "speed"),
        ("a b", "`a b`"),
        ("lambda", "`lambda`"),
        ("a`b", "`a``b`"),
        ("ｚ", "`ｚ`"),
    ],
)
def test_quoted(name: str, written: str) -> None:
    assert quoted(name) == written


def test_shown_cannot_steer_a_terminal() -> None:
    assert shown("\x1b[2J" + "a" * 200).isprintable()
    assert len(shown("a" * 200)) < 90
