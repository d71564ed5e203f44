"""The lab as its visitors use it: the real server, the real page, a browser."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect
from tests.browser.test_accessibility import AXE
from tests.browser.visits import SECONDS, START, TUTORIAL, Open, Visit

import steepest
from steepest.cli import steepest as command
from steepest.lab.lesson import own_lesson, read_lesson
from steepest.lab.uploads import Uploads


def drag_to(page: Page, zone: str) -> None:
    """The ball of the slider, by mouse, into the middle of a zone."""
    ball = page.locator(".ball").bounding_box()
    area = page.locator(f".rate-slider .zone.{zone}").bounding_box()
    assert ball
    assert area
    page.mouse.move(ball["x"] + ball["width"] / 2, ball["y"] + ball["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2, steps=8)
    page.mouse.up()


def test_the_first_visit(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    before = page.locator("figure.loss .path").last.get_attribute("d")

    drag_to(page, "beyond")
    assert "too large" in here.rate
    # At once, and again when it was judged.
    expect(page.locator("h1")).to_have_text(re.compile("too large"))
    assert page.locator("figure.loss .path").last.get_attribute("d") != before
    here.judged(re.compile("too large", re.IGNORECASE))

    page.get_by_role("button", name="Try standardize").click(timeout=SECONDS)
    here.judged(re.compile("^At the minimum"))
    steps = re.search(r"(\d+) steps to ", here.rate)
    assert steps
    assert 10 <= int(steps[1]) <= 20
    # Both descents on one page.
    assert page.locator("figure.loss .before").get_attribute("d")
    assert page.locator(".rate-slider .before").get_attribute("d")
    expect(page.get_by_label("Standardize columns")).to_be_checked()

    with page.expect_download(timeout=SECONDS) as download:
        page.get_by_role("button", name="Save report").click()
    report = Path(download.value.path()).read_text("utf-8")
    assert "At the minimum" in report

    page.wait_for_timeout(200)
    url, rate = page.url, here.rate
    page.reload()
    here.judged(re.compile("^At the minimum"))
    assert (page.url, here.rate) == (url, rate)
    expect(page.get_by_label("Standardize columns")).to_be_checked()
    assert page.locator("figure.loss .before").get_attribute("d")

    page.get_by_role("button", name="Go back").click()
    expect(page.locator("h1")).to_have_text(re.compile("too large", re.IGNORECASE), timeout=SECONDS)
    assert page.locator("figure.loss .before").count() == 0


def test_any_model_can_be_typed(visit: Open) -> None:
    """Starts of weights that are gone go with them, and without a ~ an expression is minimized."""
    here = visit()
    page, formula = here.page, here.page.locator("#formula")
    here.judged(TUTORIAL)
    for text, names in (
        ("speed ~ a*time**2 + b*time", ["a", "b"]),
        ("(x - 3)**2", ["x"]),
        ("speed ~ a*time + d", ["a", "d"]),
    ):
        formula.fill(text)
        formula.press("Enter")
        expect(page.locator(".course-list .name")).to_have_text(names, timeout=SECONDS)
        assert page.inner_text(".refused") == ""
        expect(page.locator("#start")).to_have_value(re.compile("=.*, ".join(names) + "="))
    # What was collinear has no single place that is its minimum.
    page.locator("#example").select_option("collinear")
    expect(page.locator("figure.courses figcaption")).to_contain_text(
        "a, b are not determined", timeout=SECONDS
    )
    assert page.locator(".live .contour .minimum").count() == 0


def test_by_keyboard_alone(visit: Open) -> None:
    here = visit(reduced_motion="reduce")
    page, press = here.page, here.page.keyboard.press
    here.judged(TUTORIAL)

    def tab_to(selector: str) -> None:
        for _ in range(100):
            if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
            press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    tab_to("[role=slider]")
    for _ in range(4):
        press("Shift+ArrowRight")
    assert "too large" in here.rate
    press("Home")
    assert "too small" in here.rate
    press("End")
    assert "too large" in here.rate
    press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "Go to the quickest"
    press("Enter")
    assert "stable, but slow" in here.rate
    here.judged(re.compile("learning rate"))

    # The cursor, and the parts of a step.
    page.evaluate("document.activeElement.blur()")
    press("Home")
    assert here.step.startswith("step 0 of 10")
    press("ArrowRight")
    press("Shift+ArrowRight")
    assert here.step.startswith("step 10 of 10")
    press(" ")
    assert here.step.startswith("step 0 of 10")
    sentences = []
    for key in "1234567":
        press(key)
        sentences.append(page.inner_text(".part-sentence"))
    assert len(set(sentences)) == 7
    assert "The gradient is not zero" in sentences[-1]
    press("1")
    for _ in range(6):
        press("n")
    # After repeat the next step begins with predict.
    assert page.get_by_role("button", name="predict").get_attribute("aria-pressed") == "true"
    assert here.step.startswith("step 1 of 10")

    # The start of the descent, and a remedy.
    tab_to(".handle.begin")
    label = page.locator(".handle.begin").get_attribute("aria-label")
    press("ArrowRight")
    press("ArrowUp")
    expect(page.locator("#start")).not_to_have_value(
        "a=0.0121, b=-0.6397, c=0.6416", timeout=SECONDS
    )
    assert page.locator(".handle.begin").get_attribute("aria-label") != label
    expect(page.locator(".handle.begin")).to_be_focused()
    page.get_by_role("button", name="Try standardize").wait_for(timeout=SECONDS)
    page.evaluate("document.activeElement.blur()")
    tab_to(".try")
    press("Enter")
    here.judged(re.compile("^At the minimum"))


def test_at_the_gradient_everything_is_there(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.get_by_role("button", name="gradient").click()
    part = page.locator("#part")
    # Each as an equation, and with the numbers of the row that pulls hardest.
    expect(part.locator(".partial-line math")).to_have_count(6)
    assert part.locator("code.put-in").first.inner_text().startswith("= −379 (row 19)")
    assert "loss.backward()" in part.locator(".torch").inner_text()
    kinds = [one.get_attribute("class") for one in part.locator("figure").all()]
    assert kinds == ["slice", "slice", "slice", "pulls", "backward"]

    # The backward pass: one row first, whose numbers multiply, then all rows, and said which.
    graph = part.locator("figure.backward")
    ends = graph.locator("g:has(> .of-weight) .back").first
    expect(graph.get_by_role("button", name="row 19 alone")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(ends).to_have_text("← −379")
    slopes = graph.locator(".slope").all_text_contents()
    factors = [float(one[1:].replace("−", "-")) for one in slopes]
    # From the mean of 20 rows back to a: squared, minus the target, plus, plus, times time**2.
    assert math.prod(factors[place] for place in (11, 10, 9, 7, 5, 1)) == pytest.approx(
        -379, rel=1e-3
    )
    graph.get_by_role("button", name="all 20 rows").click()
    expect(ends).to_have_text("← −1.142")
    assert "".join(graph.locator(".slope").all_text_contents()) == ""

    # The nudge: what the slope says and what is true part where it is long.
    said = part.locator(".nudge output")
    first = said.inner_text()
    part.get_by_label("How far it is nudged").fill("90")
    assert said.inner_text() != first
    predicted, really = re.findall(r"by (−?[\d.,e−]+)[;.]", said.inner_text())
    assert predicted.startswith("−")
    assert not really.startswith("−")

    # Not reset, the gradients add up: an oracle in NumPy.
    rows = np.genfromtxt(Path(__file__).parents[2] / "examples/speed.csv", delimiter=",")[1:]
    design = np.stack([rows[:, 0] ** 2, rows[:, 0], np.ones(len(rows))], axis=1)
    weights, held = np.array(list(START.values())), np.zeros(3)
    for _ in range(10):
        held += 2 * design.T @ (design @ weights - rows[:, 1]) / len(rows)
        weights = weights - 1e-5 * held
    loss = np.mean((design @ weights - rows[:, 1]) ** 2)
    assert f"after 10 steps it is {loss:.4g}." in part.locator(".unreset p").inner_text()

    # Why minus: with a plus it climbs, and as far as NumPy says.
    weights = np.array(list(START.values()))
    for _ in range(10):
        weights = weights + 2e-5 * design.T @ (design @ weights - rows[:, 1]) / len(rows)
    climbed = np.mean((design @ weights - rows[:, 1]) ** 2)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("5")
    part.get_by_role("button", name="Why minus? Try plus").click()
    words = part.locator(".plus p").inner_text()
    told = re.search(r"in 10 steps the loss goes from 679.27 to ([\d,]+)\.", words)
    assert told
    assert float(told[1].replace(",", "")) == pytest.approx(climbed, rel=1e-4)
    assert part.locator(".plus .before").get_attribute("d")


def test_dragging_the_start_descends_anew(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    knob = page.locator(".handle.begin .start").bounding_box()
    assert knob
    answers: list[str] = []
    page.on(
        "response",
        lambda response: answers.append(response.url) if "/api/live" in response.url else None,
    )
    path = page.locator(".live .contour .path.ahead")
    before = path.get_attribute("d")
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for move in range(12):
        page.mouse.move(x + 6 * move, y - 8 * move)
        page.wait_for_timeout(30)
    expect(path).not_to_have_attribute("d", before or "")
    page.mouse.up()
    expect(page.locator("#start")).not_to_have_value("a=0.0121, b=-0.6397, c=0.6416")
    assert len(answers) > 3
    here.judged(re.compile("learning rate"))
    # What was dragged is not what was left alone.
    assert "b=-0.6397" in page.input_value("#start")


def test_on_a_phone_a_finger_drags_the_start_and_not_the_figures(visit: Open) -> None:
    here = visit(width=360, has_touch=True, is_mobile=True)
    page = here.page
    here.judged(TUTORIAL)
    knob = page.locator(".handle.begin .start")
    knob.scroll_into_view_if_needed()
    box = knob.bounding_box()
    assert box
    before = page.locator(".live").evaluate("(row) => row.scrollLeft")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = page.context.new_cdp_session(page)
    for kind, far in (("touchStart", 0), *(("touchMove", far) for far in range(0, 84, 7))):
        points = [{"x": x + far, "y": y - far / 2}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#start")).not_to_have_value(
        "a=0.0121, b=-0.6397, c=0.6416", timeout=SECONDS
    )
    assert page.locator(".live").evaluate("(row) => row.scrollLeft") == before
    moved = knob.bounding_box()
    assert moved
    assert moved["x"] - box["x"] == pytest.approx(77, abs=4)


def test_going_on_from_a_step_keeps_the_way_there(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.get_by_role("button", name="Start from this step").click()
    expect(page.locator("#start")).to_have_value(re.compile("^a=0.13006"), timeout=SECONDS)
    assert page.locator(".live .contour .before").get_attribute("d")
    here.judged(re.compile("1.04"))


def test_the_lesson(visit: Open) -> None:
    """A stop sets the page, hides what would answer its question, and then shows what happens."""
    here = visit(reduced_motion="reduce")
    page = here.page
    here.judged(TUTORIAL)
    page.get_by_role("button", name="Lesson", exact=True).click()
    lesson, headline = page.locator(".lesson"), page.locator("h1")
    title = lesson.locator(".lesson-title")
    expect(title).to_have_text("Make noisy data")
    expect(page.locator("#formula")).to_have_value("y ~ a*x**2 + b*x + c", timeout=SECONDS)
    expect(page.locator("output.step")).to_have_text(re.compile("^step 0 of 20"), timeout=SECONDS)
    seen = page.locator(".live figure:not(.aside)")
    assert [one.get_attribute("class") for one in seen.all()] == ["fit"]
    assert not headline.is_visible()
    assert not page.locator(".live .ahead").first.is_visible()
    lesson.get_by_role("button", name="exactly 0.32").click()
    assert "It is: below 0.32." in lesson.inner_text()
    expect(page.locator("output.step")).to_have_text(re.compile("^step 20 of 20"))
    expect(headline).to_be_visible()

    # The next one changes the model, and what was before stays in sight.
    page.keyboard.press("PageDown")
    expect(title).to_have_text("Line or parabola")
    expect(page.locator("#formula")).to_have_value("y ~ b*x + c", timeout=SECONDS)
    expect(page.locator("output.step")).to_have_text(re.compile("loss 15.5"), timeout=SECONDS)
    lesson.get_by_role("button", name="about 55 times").click()
    assert "Right." in lesson.inner_text()
    expect(page.locator("#formula")).to_have_value("y ~ a*x**2 + b*x + c", timeout=SECONDS)
    expect(page.locator("figure.loss .before")).to_have_attribute("d", re.compile("^M.*L"))
    page.keyboard.press("Shift+P")
    expect(lesson).to_be_visible()
    page.keyboard.press("Shift+P")

    # The browser's Back goes to the stop before, and the address holds it.
    page.wait_for_timeout(250)
    page.go_back()
    expect(title).to_have_text("Make noisy data", timeout=SECONDS)
    page.reload()
    expect(title).to_have_text("Make noisy data", timeout=SECONDS)
    lesson.get_by_role("button", name="Leave").click()
    assert not lesson.is_visible()
    assert page.locator(".live figure.aside").count() == 0


def race_from_elsewhere(page: Page) -> None:
    """All run on one surface, step by step, and from wherever one clicks."""
    slider = page.get_by_role("slider", name="Step of the race")
    moments = int(slider.get_attribute("max") or "0")
    expect(slider).to_have_value(str(moments), timeout=SECONDS)
    dots = page.locator(".race .runner")
    assert dots.count() == 10
    ended = [dot.get_attribute("transform") for dot in dots.all()]
    slider.fill("0")
    begun = [dot.get_attribute("transform") for dot in dots.all()]
    assert len(set(begun[:5])) == len(set(begun[5:])) == 1
    assert set(begun).isdisjoint(ended)
    assert (slider.get_attribute("aria-valuetext") or "").endswith("none is at the goal")

    with page.expect_response("**/api/race", timeout=SECONDS) as response:
        page.locator(".race .chooser").click(position={"x": 60, "y": 50})
    expect(page.locator(".race > p")).to_contain_text("From a ", timeout=SECONDS)
    frame = pl.read_csv(Path(__file__).parents[2] / "examples/speed.csv")
    time, speed = frame["time"].to_numpy(), frame["speed"].to_numpy()
    for racer in response.value.json()["racers"]:
        a, b, c = racer["values"][0]
        assert (a, c) != pytest.approx((START["a"], START["c"]), rel=0.5)
        assert b == pytest.approx(START["b"])
        loss = np.mean((a * time**2 + b * time + c - speed) ** 2)
        assert racer["loss"][0] == pytest.approx(loss, rel=1e-5)


def test_race_modes_surface_and_runs(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    for summary in page.locator(".room > summary").all():
        summary.click()
    assert page.locator(".rooms .surface .cell").count() > 100
    directions = page.get_by_role("list", name="Directions").inner_text()
    assert directions.count("mostly") == 3
    page.get_by_role("button", name="Race them").click()
    racers = page.get_by_role("list", name="Racers")
    expect(racers.locator("li")).to_have_count(5, timeout=SECONDS)
    race_from_elsewhere(page)

    runs = page.get_by_role("list", name="Runs")
    expect(runs.locator("li")).to_have_count(1)
    assert "ten <b>steps</b>" in runs.inner_text()
    runs.get_by_role("button", name="Open").click()
    expect(page.locator(".opened h2.headline, .opened .headline")).to_have_text(TUTORIAL)
    with page.expect_download() as download:
        runs.get_by_role("link", name="Report").click()
    assert "283.99 is not the minimum" in Path(download.value.path()).read_text("utf-8")
    runs.get_by_text("Export").click()
    with page.expect_download() as download:
        runs.get_by_role("link", name="CSV, step by step").click()
    assert len(Path(download.value.path()).read_text("utf-8").splitlines()) == 12
    runs.get_by_role("button", name="Delete").click()
    runs.get_by_role("button", name="Keep").click()
    expect(runs.locator("li")).to_have_count(1)


WATCHED = """
window.steps = [];
new MutationObserver(() => {
  const said = document.querySelector("output.step")?.textContent.split(",")[0];
  if (said?.endsWith("of 10") && said !== window.steps.at(-1)) window.steps.push(said);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_first_visit_sees_it_move_once(motion: Any, browser: Browser, address: str) -> None:
    page = browser.new_context(reduced_motion=motion).new_page()
    page.add_init_script(WATCHED)
    page.goto(address)
    here = Visit(page)
    here.judged(TUTORIAL)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(timeout=SECONDS)
    steps = [int(said.split()[1]) for said in page.evaluate("window.steps")]
    if motion == "reduce":
        assert set(steps) == {10}
    else:
        first = steps.index(0)
        assert steps[first:] == list(range(11))
    # What can be dragged says so until it was.
    hints = page.locator(".hint")
    assert hints.all_text_contents() == ["drag the ball", "drag the start"]
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    expect(hints.first).to_be_hidden()
    expect(hints.last).to_be_visible()
    page.get_by_role("button", name="Start: ").press("ArrowRight")
    expect(hints.last).to_be_hidden()
    page.context.close()


def test_a_row_is_dragged(visit: Open) -> None:
    """What one wrong value does: the page's numbers are those of the data as they are then."""
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    knob = page.get_by_role("button", name="A row: ")
    expect(knob).to_have_attribute("aria-label", re.compile("time 19, speed 46.1"))
    box = knob.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=4)
    # The sticks follow at once, and the data once the hand lets go.
    with page.expect_response("**/api/move", timeout=SECONDS) as moved:
        page.mouse.up()
    upload = moved.value.json()
    assert upload["name"] == "speed-moved.csv"
    frame = pl.read_csv(Path(__file__).parents[2] / "examples/speed.csv")
    file = page.request.get(f"{address_of(page)}/api/uploads/{upload['upload']}")
    found = pl.read_csv(file.body())
    assert found[:-1].equals(frame[:-1])
    dragged = found["speed"][-1]
    assert 0 < dragged < 40
    expect(knob).to_have_attribute("aria-label", re.compile(f"speed {dragged}"))
    columns = np.vander(found["time"].to_numpy().astype(float), 3)
    _, lost, *_ = np.linalg.lstsq(columns, found["speed"].to_numpy())
    here.judged(re.compile(f"{lost[0] / 20:.3g} is: "))
    assert page.locator("figure.fit .before").count() == 1
    # By keyboard another row, and back to the data as they were.
    knob.press("ArrowLeft")
    expect(knob).to_have_attribute("aria-label", re.compile("time 18"))
    page.go_back()
    here.judged(TUTORIAL)
    expect(knob).to_have_attribute("aria-label", re.compile("speed 46.1"))


def address_of(page: Page) -> str:
    return re.sub(r"(//[^/]+)/.*", r"\1", page.url)


FAULTS = {
    "ragged": (b"x,y\n1,2\n3\n", "Line 3 of data.csv has 1 cell"),
    "empty": (b"", "empty"),
    "twice": (b"x,x\n1,2\n", "x"),
    "not-text": (b"\x89PNG\r\n\x1a\n\x00\x00", "data.csv"),
}


@pytest.mark.parametrize(("content", "said"), FAULTS.values(), ids=FAULTS)
def test_a_file_that_cannot_be_read_says_why(content: bytes, said: str, visit: Open) -> None:
    here = visit()
    page = here.page
    expect(page.locator("figure.loss svg").first).to_be_visible(timeout=SECONDS)
    page.set_input_files(
        "input[type=file]", {"name": "data.csv", "mimeType": "text/csv", "buffer": content}
    )
    expect(page.get_by_role("alert").first).to_contain_text(said)
    # What was there before still is.
    expect(page.locator("#formula")).to_have_value("speed ~ a*time**2 + b*time + c")


def test_a_csv_with_faults_in_its_cells(visit: Open) -> None:
    here = visit()
    page = here.page
    rows = [
        '"size <b>m</b>",rooms,note,price',
        '50,2,"<script>alert(1)</script>",100',
        "70,,=cmd(),140",
        "80,3,hello,nan",
        "100,4,x,200",
        "120,5,x,230",
        "90,4,x,inf",
    ]
    content = "\n".join(rows).encode()
    page.set_input_files(
        "input[type=file]", {"name": "<i>homes</i>.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.locator(".preview summary").click(timeout=SECONDS)
    preview = page.inner_text(".preview")
    assert "<script>alert(1)</script>" in preview
    assert "size <b>m</b>" in preview
    assert page.locator(".preview b, .preview script, .preview i, option i").count() == 0
    assert "note holds text" in preview
    formula = page.locator("#formula")
    # The formula to begin with runs.
    expect(formula).to_have_value("price ~ a*`size <b>m</b>` + b*rooms + c")
    expect(page.get_by_role("list", name="Findings")).to_contain_text("SD301", timeout=SECONDS)

    # One without a place for the caret, one with.
    formula.fill("price ~ a*note + b")
    formula.press("Enter")
    expect(page.locator(".refused")).to_contain_text("note", timeout=SECONDS)
    formula.fill("price ~ a*rooms + b)")
    formula.press("Enter")
    expect(page.locator(".refused")).to_contain_text("This parenthesis was never opened.")
    shown = page.locator(".refused").text_content() or ""
    (_, text, caret) = shown.split("\n")
    assert text[caret.index("^")] == ")"
    assert formula.get_attribute("aria-invalid") == "true"

    formula.fill("price ~ a*rooms + b")
    formula.press("Enter")
    expect(page.locator(".refused")).to_have_text("", timeout=SECONDS)
    expect(page.locator("figure.fit .data")).to_have_count(1)


def test_the_settings_descend_anew(visit: Open) -> None:
    here = visit()
    page = here.page
    here.judged(TUTORIAL)
    page.select_option("#example", "rosenbrock")
    expect(page.locator("#formula")).to_have_value("(1 - x)**2 + 100*(y - x**2)**2")
    expect(page.locator(".live .contour svg").first).to_be_visible(timeout=SECONDS)
    expect(page.locator("figure.fit")).to_be_hidden(timeout=SECONDS)
    page.select_option("#optimizer", "adam")
    expect(page.locator(".columns:not(.stale)")).to_be_visible(timeout=SECONDS)
    page.fill("#steps", "nine")
    page.keyboard.press("Enter")
    expect(page.locator(".refused")).to_have_text(
        "Steps must be a whole number above 0. Given: nine."
    )
    page.fill("#steps", "20")
    page.keyboard.press("Enter")
    expect(page.locator("output.step")).to_contain_text("of 20", timeout=SECONDS)
    # A solver has no learning rate: nothing slides, and the page says why.
    page.select_option("#optimizer", "lbfgs")
    expect(page.locator(".rate-slider")).to_be_hidden(timeout=SECONDS)
    expect(page.locator(".live + .notes")).to_contain_text("there is no learning rate to choose")
    expect(page.locator(".live .contour .path").last).to_have_attribute(
        "d", re.compile("M.*L"), timeout=SECONDS
    )
    page.select_option("#example", "local")
    expect(page.locator("figure.fit")).to_be_visible(timeout=SECONDS)
    expect(page.locator(".live .contour")).to_be_hidden()


@pytest.mark.parametrize(
    "fragment", ["#", "#garbage", "#eyJmb3JtdWxhIjo", "#bnVsbA"], ids=["empty", "no", "cut", "null"]
)
def test_an_address_that_says_nothing_shows_the_first_example(fragment: str, visit: Open) -> None:
    here = visit(fragment)
    expect(here.page.locator("figure.loss svg").first).to_be_visible(timeout=SECONDS)
    expect(here.page.locator("#example")).to_have_value("speed")


def test_an_address_of_data_that_is_gone_says_so(visit: Open) -> None:
    # {"formula":"y ~ a*x","upload":"gone"}
    here = visit("#eyJmb3JtdWxhIjoieSB-IGEqeCIsInVwbG9hZCI6ImdvbmUifQ")
    expect(here.page.locator("figure.loss svg").first).to_be_visible(timeout=SECONDS)
    expect(here.page.locator(".refused")).to_contain_text("no longer kept")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360], ids=["desk", "phone"])
def test_axe_finds_nothing(scheme: str, width: int, visit: Open) -> None:
    if not AXE.is_file():
        pytest.skip("axe is not installed: `make test` installs it where there is npm.")
    here = visit(width=width, color_scheme=scheme)
    page = here.page
    here.judged(TUTORIAL)
    page.get_by_role("button", name="Try standardize").wait_for(timeout=SECONDS)
    page.keyboard.press("4")
    for summary in page.locator(".room > summary").all():
        summary.click()
    page.locator(".facts .number").first.click()
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
             nodes.map(({ html }) => `${id}: ${html}`))"""
    )
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_is_small() -> None:
    static = Path(steepest.__file__).parent / "static"
    names = ("lab.html", "lab.js", "lab.css")
    assert sum(len(gzip.compress((static / name).read_bytes())) for name in names) < 100_000


def test_nothing_stands_inline_and_no_text_becomes_markup() -> None:
    static = Path(steepest.__file__).parent / "static"
    page, script = ((static / name).read_text("utf-8") for name in ("lab.html", "lab.js"))
    assert not re.search(r"<style|<script(?! src=)|\son\w+=|\sstyle=|https?:", page)
    assert not re.search(
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", script
    )


@pytest.fixture(scope="module")
def lab_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab in a file, as the command line writes it."""
    file = tmp_path_factory.mktemp("saved") / "lesson.html"
    done = CliRunner().invoke(command, ["lab", "--save", str(file)])
    assert (done.exit_code, done.output[:7]) == (0, "Saved: ")
    return file


@pytest.fixture
def offline(browser: Browser, lab_file: Path) -> Iterator[Visit]:
    """The file in a browser without a network. It asks for nothing, and complains of nothing."""
    page = browser.new_context(offline=True, viewport={"width": 1280, "height": 720}).new_page()
    here = Visit(page)
    asked: list[str] = []
    page.on("console", lambda message: here.complaints.append(message.text))
    page.on("pageerror", lambda error: here.complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(lab_file.as_uri())
    yield here
    page.context.close()
    assert here.complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_lesson_in_a_file(offline: Visit) -> None:
    """Every stop shows its problem and, once it is answered, what comes of it."""
    page = offline.page
    offline.judged(TUTORIAL)
    page.get_by_role("button", name="Lesson", exact=True).click()
    lesson, refused = page.locator(".lesson"), page.locator("#refused")
    stops = read_lesson(own_lesson(), Uploads())
    assert len(stops) == 13
    for stop in stops:
        expect(lesson.locator(".lesson-title")).to_have_text(stop.title)
        for place, state in enumerate((stop.state, stop.then)):
            expect(page.locator("#formula")).to_have_value(state.problem.formula, timeout=SECONDS)
            step = state.problem.options.steps if state.step is None else state.step
            said = re.compile(f"^step {step:,} of ")
            expect(page.locator("output.step")).to_have_text(said, timeout=SECONDS)
            expect(page.locator("h1:not(.stale)")).not_to_have_text("", timeout=SECONDS)
            expect(refused).to_have_text("")
            if not place:
                lesson.locator(".choices button").first.click()
        lesson.get_by_role("button", name="Next").click(force=stop is stops[-1])


def test_the_lab_in_a_file(offline: Visit, lab_file: Path) -> None:
    """The same page without a server: slider, player, cursor, figures and the first remedy."""
    assert lab_file.stat().st_size < 1_000_000
    here, page = offline, offline.page
    here.judged(TUTORIAL)
    assert "1,971,722 steps to the goal" in here.rate
    # On a projector all of it is on the screen, and in large type what is shown to others.
    for keys in ("Home", "Shift+P"):
        page.locator("body").press(keys)
        page.wait_for_timeout(200)
        timeline = page.locator(".timeline").bounding_box()
        shown = [one.bounding_box() for one in page.locator(".live > figure").all()]
        assert timeline
        assert [box["y"] + box["height"] <= timeline["y"] for box in shown if box] == [True] * 4
    expect(page.locator(".bench")).to_be_hidden()
    page.locator("body").press("Shift+P")
    drag_to(page, "beyond")
    assert "too large" in here.rate
    # No verdict of that learning rate is in the file, and the page says what has one.
    expect(page.locator(".helps")).to_contain_text("It opens live with: steepest lab")
    page.reload()
    page.locator("#example").wait_for()
    page.goto(lab_file.as_uri())
    here.judged(TUTORIAL)
    page.get_by_role("button", name="Try standardize").click()
    here.judged(re.compile("^At the minimum"))
    page.locator("body").press("Home")
    assert here.step.startswith("step 0 of 16")
