"""Numbers of the lab can be asked where they come from: the answers hold in NumPy and PyTorch."""

from __future__ import annotations

import contextlib
import io
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from tests.browser.visits import SECONDS, START, TUTORIAL, Open
from tests.scripts import settings_kept

DATA = Path(__file__).parents[2] / "examples/speed.csv"
ROWS = np.genfromtxt(DATA, delimiter=",")[1:]
DESIGN = np.stack([ROWS[:, 0] ** 2, ROWS[:, 0], np.ones(len(ROWS))], axis=1)
HESSIAN = 2 * DESIGN.T @ DESIGN / len(ROWS)
CURVATURES = np.linalg.eigvalsh(HESSIAN)
BEST = np.linalg.lstsq(DESIGN, ROWS[:, 1], rcond=None)[0]
LEAST = float(np.mean((DESIGN @ BEST - ROWS[:, 1]) ** 2))

NUMBER = re.compile(r"[−-]?[\d,]+(?:\.\d+)?(?:e[−-]?\d+)?")


def said(text: str) -> float:
    """The last number of a text, as the page writes it."""
    return float(NUMBER.findall(text)[-1].replace(",", "").replace("−", "-"))


def at(step: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
    """Weights, gradient and loss of the descent after so many steps."""
    weights = np.array(list(START.values()))
    for _ in range(step):
        weights = weights - 1e-5 * (2 * DESIGN.T @ (DESIGN @ weights - ROWS[:, 1]) / len(ROWS))
    residual = DESIGN @ weights - ROWS[:, 1]
    return weights, 2 * DESIGN.T @ residual / len(ROWS), float(np.mean(residual**2))


FACTS = {
    "minimum": LEAST,
    "goal": 1.01 * LEAST,
    "learning rate": 1e-5,
    "stable up to": 2 / CURVATURES[-1],
    "largest curvature": CURVATURES[-1],
    "smallest": CURVATURES[0],
    "condition": CURVATURES[-1] / CURVATURES[0],
    "steps to the goal": 1_971_722,
    "loss": at(2)[2],
    "length of the gradient": float(np.linalg.norm(at(2)[1])),
}


def ran(script: str) -> float:
    """What the last line of a script prints."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), settings_kept():
        exec(compile(script, "script", "exec"), {})
    return float(told.getvalue().split()[-1])


def test_the_numbers_of_a_run(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    pasted(page)
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    answer = page.locator(".answer")
    found: dict[str, float] = {}
    told: dict[str, str] = {}
    for one in page.locator(".facts .fact").all():
        name = one.inner_text()
        one.get_by_role("button").click()
        name = name[: NUMBER.search(name).start()].strip()  # type: ignore[union-attr]
        title = answer.locator(".part-sentence").inner_text()
        found[name] = said(title.partition(" to within")[0])
        if answer.locator(".torch").count():
            told[name] = answer.locator(".torch").inner_text()
    assert found == pytest.approx(FACTS, rel=1e-5)

    # The lines of PyTorch give the same, put behind the script of the run.
    page.get_by_text("Copy as").click()
    script = page.evaluate(
        """async () => (await (await fetch("/api/board", {
          method: "POST", headers: {"content-type": "application/json"},
          body: JSON.stringify({example: "speed"})})).json()).pytorch"""
    )
    for name in ("stable up to", "largest curvature", "smallest", "condition"):
        assert ran(f"{script}\n{told[name]}") == pytest.approx(FACTS[name], rel=1e-5), name


def test_a_number_in_a_sentence_is_asked_too(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    asked = page.locator("h1 .number")
    assert asked.all_inner_texts() == ["283.99", "1.04", "218,451", "896", "244", "1,971,722"]
    asked.first.focus()
    page.keyboard.press("Enter")
    answer = page.locator(".answer")
    assert answer.is_visible()
    assert answer.locator(".part-sentence").inner_text().startswith("The loss at step 10 is 283.98")
    # It stays where the descent ended, and Escape leads back to where one was.
    page.keyboard.press("Home")
    assert "step 10" in answer.inner_text()
    page.keyboard.press("Escape")
    assert answer.is_hidden()
    expect(asked.first).to_be_focused()
    page.locator(".findings .number").last.click()
    assert "SD304" in answer.inner_text()


def test_the_answer_follows_the_cursor(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.locator(".courses .partial").first.click()
    title = page.locator(".answer .part-sentence")
    for step in (10, 9):
        slope = at(step)[1][0]
        words = title.inner_text()
        assert words.startswith(f"∂loss/∂a at step {step} is")
        assert said(words) == pytest.approx(slope, rel=1e-5)
        page.keyboard.press("ArrowLeft")
    page.locator(".courses .value").first.click()
    weights, slope, _ = (at(8)[0], at(7)[1], 0)
    assert said(title.inner_text()) == pytest.approx(weights[0], rel=1e-6)
    label = numbers_of(page.locator(".answer math"))
    assert label == pytest.approx([at(7)[0][0], 1e-5, slope[0], weights[0]], rel=1e-4)


def numbers_of(math_: Locator) -> list[float]:
    """The numbers of an equation, powers of ten put together."""
    texts = math_.evaluate(
        """(math) => [...math.querySelectorAll("mn")].map((one) => {
             const ten = one.parentElement.firstElementChild;
             const power = one.parentElement.localName === "msup" && ten.localName === "mn";
             return (power && ten.textContent === "10" ? "e" : "") + one.textContent;
           })"""
    )
    found: list[float] = []
    for text in texts:
        value = text.replace(",", "").replace("−", "-")
        if value == "e10":
            continue
        if value.startswith("e"):
            found[-1] *= 10.0 ** float(value[1:])
        else:
            found.append(float(value))
    return found


def test_equations_hold_with_the_numbers_in_them(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.evaluate("document.activeElement.blur()")
    for key in ("Home", "ArrowRight"):
        page.keyboard.press(key)
    weights, slope, loss = at(1)
    part = page.locator("#part")

    page.keyboard.press("2")
    *_, prediction = numbers_of(part.locator(".put-in math"))
    assert prediction == pytest.approx(DESIGN[0] @ weights, rel=1e-4)

    page.keyboard.press("3")
    assert (part.locator("math").first.text_content() or "").startswith("mean")
    first = part.locator(".put-in math mfrac msup").first
    drawn = first.locator("mrow").first.evaluate(
        "(row) => [...row.querySelectorAll('mn')].map((one) => one.textContent)"
    )
    terms = [float(text.replace("−", "-")) for text in drawn[:2]]
    assert terms == pytest.approx([DESIGN[0] @ weights, ROWS[0, 1]], rel=1e-3)
    assert numbers_of(part.locator(".put-in math"))[-1] == pytest.approx(loss, rel=1e-6)

    page.keyboard.press("5")
    for place, line in enumerate(part.locator(".put-in math").all()):
        before, rate, partial, after = numbers_of(line)
        assert before - rate * partial == pytest.approx(after, rel=1e-4)
        assert partial == pytest.approx(slope[place], rel=1e-3)

    page.keyboard.press("7")
    assert numbers_of(part.locator("math"))[-1] == pytest.approx(math.hypot(*at(10)[1]), rel=1e-5)


def test_the_rows_pull_on_the_data(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.keyboard.press("4")
    pulled = page.locator(".pulled")
    residual = DESIGN @ at(10)[0] - ROWS[:, 1]
    for place, name in enumerate("abc"):
        page.get_by_label("weight", exact=True).select_option(name)
        pulls = 2 * DESIGN[:, place] * residual / len(ROWS)
        words = pulled.locator("p").inner_text()
        assert f"row {np.argmax(np.abs(pulls))} pulls {name} hardest" in words
        assert said(words) == pytest.approx(pulls[pulls > 0].sum(), rel=1e-3)
        discs = pulled.locator("circle.pull")
        sizes = [float(one.get_attribute("r") or 0) for one in discs.all()]
        assert np.argmax(sizes) == np.argmax(np.abs(pulls))
        hollow = [("pull-down" in (one.get_attribute("class") or "")) for one in discs.all()]
        assert hollow == list(pulls > 0)


@pytest.mark.parametrize(
    ("example", "settings"),
    [
        ("collinear", {}),
        ("logistic", {}),
        ("rosenbrock", {}),
        ("parabola", {"optimizer": "momentum"}),
        ("local", {"optimizer": "adam"}),
        ("scales", {"optimizer": "nesterov"}),
    ],
    ids=lambda case: case if isinstance(case, str) else "-".join(case.values()),
)
def test_all_numbers_of_other_problems_are_answered(
    example: str, settings: dict[str, str], visit: Open
) -> None:
    here = visit()
    page = here.page
    expect(page.locator("figure.loss svg").first).to_be_visible(timeout=SECONDS)
    page.select_option("#example", example)
    for name, value in settings.items():
        page.select_option(f"#{name}", value)
    expect(page.locator("#formula")).not_to_have_value("speed ~ a*time**2 + b*time + c")
    expect(page.locator(".waiting[role=status]")).to_have_count(0, timeout=SECONDS)
    expect(page.locator(".columns:not(.stale) .facts")).to_be_visible(timeout=SECONDS)
    here.rests()
    names, told = pasted(page)
    page.keyboard.press("Home")
    page.keyboard.press("3")
    asked = page.locator(".facts .number, .courses .number:visible, #part .number, h1 .number")
    for one in asked.all():
        one.click()
        text = page.locator(".answer").inner_text()
        assert "not known" not in text
        assert "not a number" not in text
        assert page.locator(".answer code").count() == 0
        lines = page.locator(".answer .torch")
        if lines.count() and "weights = " not in lines.inner_text():
            with contextlib.redirect_stdout(told):
                exec(compile(lines.inner_text(), "answer", "exec"), names)
    assert asked.count() > 6


def pasted(page: Page) -> tuple[dict[str, Any], io.StringIO]:
    """Every part's lines of PyTorch as they stand, one after the other in one process.

    What they make is what the page shows at the start, after a step, and at the end.
    """
    names: dict[str, Any] = {}
    told = io.StringIO()

    def seen() -> tuple[list[float], list[float], float]:
        cells = [
            [said(one) for one in page.locator(f".course-list .{kind}").all_inner_texts()]
            for kind in ("value", "partial")
        ]
        return cells[0], cells[1], said(page.inner_text("output.step"))

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    start = seen()
    page.keyboard.press("ArrowRight")
    second = seen()
    page.keyboard.press("End")
    end = seen()
    with contextlib.redirect_stdout(told), settings_kept():
        for key, part in enumerate(PARTS, 1):
            page.keyboard.press(str(key))
            lines = page.locator("#part .torch").inner_text()
            exec(compile(lines, part, "exec"), names)
            loss, weights = names.get("loss", torch.tensor(math.nan)), names["weights"]
            if part == "initialize":
                close(weights, start[0])
            elif part == "loss":
                close(loss, start[2])
            elif part == "gradient":
                close(weights.grad, start[1])
            elif part == "step":
                close(weights, second[0])
            elif part == "stop":
                close(weights, end[0])
                close(loss, end[2])
    return names, told


PARTS = ("initialize", "predict", "loss", "gradient", "step", "repeat", "stop")


def close(found: torch.Tensor, shown: Any) -> None:
    """The page shows a few digits, and less of what has cancelled."""
    np.testing.assert_allclose(found.detach().numpy(), shown, rtol=2e-3, atol=1e-7)


def test_the_oracle_is_the_tutorial() -> None:
    assert torch.tensor(at(10)[2]).item() == pytest.approx(283.98554, rel=1e-7)
