"""A training is seen while it goes on: another process writes, the page moves."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.test_accessibility import AXE
from tests.browser.visits import SECONDS, Open, serving

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("training")) / "runs.db"


@pytest.fixture(scope="module")
def training(store: Path) -> Iterator[subprocess.Popen[str]]:
    """A training that goes on until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.trained", store],
        stdin=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    yield process
    process.kill()
    process.wait(timeout=20)


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with serving(store) as found:
        yield found


def last_step(page: Page) -> int:
    """How far the timeline of the open training goes."""
    said = re.search(r"of ([\d,]+)", page.inner_text(".opened output.step"))
    assert said
    return int(said[1].replace(",", ""))


def say(training: subprocess.Popen[str], line: str) -> None:
    assert training.stdin is not None
    training.stdin.write(f"{line}\n")
    training.stdin.flush()


def test_a_training_moves_and_its_alarm_appears(
    visit: Open, training: subprocess.Popen[str]
) -> None:
    page = visit().page
    page.get_by_text("Kept runs", exact=True).click()
    row = page.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(row).to_contain_text("running", timeout=SECONDS)
    row.get_by_role("button", name="Open").click()

    # It moves: later steps, a longer path, no new page. The word says that it is healthy.
    figure = page.locator(".opened figure.training")
    expect(figure).to_be_visible(timeout=SECONDS)
    path = figure.locator("path.path").last
    before, drawn = last_step(page), path.get_attribute("d")
    page.evaluate("document.querySelector('.opened figure.training').dataset.mine = 'kept'")
    expect(page.locator(".opened output.step")).not_to_contain_text(
        f"of {before:,}", timeout=SECONDS
    )
    expect(page.locator(".opened figure.fan")).to_be_visible(timeout=SECONDS)
    assert last_step(page) > before
    assert path.get_attribute("d") != drawn
    assert figure.get_attribute("data-mine") == "kept"
    assert page.locator(".opened .alarm.error").count() == 0

    # What was chosen stays, the focus too, while the training goes on.
    turn = page.locator(".opened figure.layers").get_by_role("button", name="turn")
    turn.click()
    page.locator(".opened input[type=range]").fill("3")
    before = last_step(page)
    turn.focus()
    expect(page.locator(".opened output.step")).not_to_contain_text(
        f"of {before:,}", timeout=SECONDS
    )
    expect(turn).to_have_attribute("aria-pressed", "true")
    expect(turn).to_be_focused()
    # Of many steps the timeline has some: it stays at the one that is at or before the chosen one.
    assert re.match("step [0-3] of", page.inner_text(".opened output.step"))

    # A learning rate that is too large, and its alarm at the step where it began.
    say(training, "too large")
    expect(page.locator(".opened .news")).to_contain_text("SD101", timeout=SECONDS)
    expect(page.locator(".opened .findings")).to_contain_text("too large")
    assert figure.locator("text.alarm-code", has_text="SD101").count() == 1
    assert page.locator(".opened figure.layers .alarm.error").count() >= 1
    expect(row).to_contain_text("running")
    if AXE.is_file():
        page.evaluate(AXE.read_text("utf-8"))
        assert page.evaluate("async () => (await axe.run('.opened')).violations") == []

    # It ends, and the page says so.
    assert training.stdin is not None
    training.stdin.close()
    expect(page.locator(".opened-head .notes")).to_have_text("finished", timeout=SECONDS)
    expect(row).not_to_contain_text("running", timeout=SECONDS)
    with page.expect_download(timeout=SECONDS) as download:
        row.get_by_role("link", name="Report").click()
    report = Path(download.value.path()).read_text("utf-8")
    assert '"kind":"training"' in report
