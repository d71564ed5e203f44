"""Every word of the field has a page, whatever a learner types, and what a page shows comes out."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import steepest
from steepest.checks import CHECKS, page
from steepest.cli import steepest as command
from steepest.methods.losses import LOSS
from steepest.methods.names import canonical
from steepest.methods.optimizers import OPTIMIZER
from steepest.words.field import by_key, folded, word_for, words

ROOT = Path(__file__).parents[2]

ASKED = """gradient, partial derivative, gradient function, Taylor, first principle, loss, mse, mad,
l1, l2, rmse, learning rate, momentum, autograd, grad_fn, requires_grad, backward, zero_grad, epoch,
neuron, convex, saddle, condition number, early stopping, overfitting, vertex, loss.backward(),
x.grad, optimizer.zero_grad(), GRADIENTS, learning-rate, learning_rate, Hessian, R2,
p.requires_grad_(True)
"""


def shown(*typed: str) -> Any:
    return CliRunner().invoke(command, ["explain", *typed])


@pytest.mark.parametrize("typed", [" ".join(word.split()) for word in ASKED.split(",")])
def test_what_a_learner_types(typed: str) -> None:
    answer = shown(typed)
    assert answer.exit_code == 0, answer.stderr
    assert len(answer.stdout.splitlines()) > 10


def test_several_words_need_no_quotes() -> None:
    assert shown("learning", "rate").stdout == shown("learning rate").stdout


@pytest.mark.parametrize("code", CHECKS)
def test_the_title_of_a_check_is_found(code: str) -> None:
    """Its own page, or that of a word of this name, which says the code."""
    text = shown(CHECKS[code].name).stdout
    assert text == page(code) or f"steepest explain {code}" in text or _sends_to(text, code)


def _sends_to(text: str, code: str) -> bool:
    """Whether a word that the page names has a page which says the code."""
    told = map(word_for, re.findall(r'steepest explain "?([^`"]+)"?`', text))
    return any(f"steepest explain {code}" in word.page for word in told if word is not None)


@pytest.mark.parametrize(
    ("typed", "near"),
    [("gradiant", "gradient"), ("momentom", "momentum"), ("overfiting", "overfitting"),
     ("zerograd", "zero_grad"), ("condition nmber", "condition number"),
     ("rows-left-ot", "SD301")],
)  # fmt: skip
def test_the_nearest_word(typed: str, near: str) -> None:
    answer = shown(typed)
    assert (answer.exit_code, answer.stdout) == (2, "")
    told = re.search(r"Did you mean (.*?)(?: or .*?)?\?", " ".join(answer.stderr.split()))
    assert told is not None
    assert told[1] == near
    assert shown(told[1]).exit_code == 0


@pytest.mark.parametrize("typed", ["qqqqq", "SD999", "../../secret", "\x1b[2J", "", "a" * 500])
def test_what_is_no_word(typed: str) -> None:
    answer = shown(typed)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "steepest explain lists what there is" in " ".join(answer.stderr.split())
    assert "\x1b" not in answer.stderr


@pytest.mark.parametrize("name", words())
def test_every_page_has_its_parts(name: str) -> None:
    word = words()[name]
    lines = word.page.splitlines()
    assert lines[0] == f"# {name}"
    assert lines[2].startswith("Also: ")
    assert word.page.count("```pycon\n") == 1
    assert re.search(r"^See: ", word.page, re.MULTILINE)
    assert word.file == re.sub(r"[ _]", "-", name.lower()).replace("r²", "r-squared") + ".md"
    assert len(lines) <= 36
    assert max(map(len, lines[3:])) <= 105
    assert "!" not in re.sub(r"```.*?```", "", word.page, flags=re.DOTALL)
    # It sends the reader only to what is there.
    for told in re.findall(r'`steepest explain "?([^`"]+)"?`', word.page):
        assert told in CHECKS or word_for(told) is not None, told
    for file in re.findall(r"docs/[\w.-]+", word.page):
        assert (ROOT / file.rstrip(".,")).exists(), file


def test_no_synonym_means_two_words() -> None:
    said = [
        (folded(one), word.name) for word in words().values() for one in (word.name, *word.also)
    ]
    taken = [(key, name) for key, name in said if by_key()[key].name != name]
    assert taken == []


def test_losses_and_optimizers_have_their_word() -> None:
    """A loss that is understood by a word is explained by it, and under the same name."""
    for typed in ("mse", "mae", "rmse", "l1", "l2", "mad"):
        word = word_for(typed)
        assert word is not None
        own = canonical(LOSS, typed)
        assert own == word.name or f"`{typed}` means the error, `{own}`" in " ".join(
            word.page.split()
        )
    assert all(word_for(name) for name in ("sgd", "adam", "momentum", "nesterov"))
    assert {"momentum", "nesterov", "adam"} <= set(OPTIMIZER)


def test_examples_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    told: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for word in words().values():
        body = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", word.page, re.DOTALL | re.MULTILINE))
        test = doctest.DocTestParser().get_doctest(body, {}, word.name, word.file, 0)
        assert test.examples, word.name
        # Each line that is no definition, import or assignment shows something.
        assert any(example.want for example in test.examples), word.name
        runner.run(test, out=told.append)
    assert not told, "".join(told)


def test_from_python() -> None:
    assert steepest.explain("gradient") == words()["gradient"].page
    assert steepest.explain("sd201") == page("SD201")
    with pytest.raises(steepest.UsageError, match="gradient"):
        steepest.explain("gradiant")


def test_explaining_a_word_needs_nothing_heavy() -> None:
    code = (
        "import sys; from steepest.cli import steepest as s\n"
        "s(['explain', 'gradient'], standalone_mode=False)\n"
        "print(sorted({'jax', 'torch', 'scipy', 'optax', 'polars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
