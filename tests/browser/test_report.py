"""A report opens from a folder, without a server and without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

import steepest

START = {"a": 0.0121, "b": -0.6397, "c": 0.6416}


def test_a_report_opens_from_a_folder(browser: Browser, tmp_path: Path) -> None:
    run = steepest.fit(
        Path(__file__).parents[2] / "examples" / "speed.csv",
        "speed ~ a*time**2 + b*time + c",
        start=START,
        lr=1e-5,
        steps=10,
        remedies=False,
    )
    path = tmp_path / "run.html"
    run.report(path)
    page = browser.new_context(offline=True).new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert "283.99 is not the minimum, 1.04 is" in page.inner_text("h1, h2")
    assert page.locator("figure").count() == len(run.figures().figures)
    page.keyboard.press("Home")
    assert "step 0" in page.inner_text("output")
    assert f"{run.at(0).loss:.4f}" in page.inner_text("output")
    page.click("summary")
    assert "Remedies" not in page.inner_text("pre")
    assert "Learning rate" in page.inner_text("pre")
    assert (complaints, requests) == ([], [path.as_uri()])
    page.context.close()


def test_a_cell_of_a_notebook_shows_the_page(browser: Browser) -> None:
    run = steepest.minimize("x**2", start={"x": 3}, lr=0.1, steps=10, remedies=False)
    page = browser.new_page()
    page.set_content(run._repr_mimebundle_()["text/html"])
    frame = page.frame_locator("iframe")
    frame.locator("figure").first.wait_for()
    assert "learning rate" in frame.locator("h1, h2").first.inner_text()
    picture = page.locator("details img")
    assert picture.evaluate("image => image.naturalWidth") > 300
    page.close()


def test_a_cell_shows_a_loss_explained(browser: Browser) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(3.0).requires_grad_()
    page = browser.new_page()
    page.set_content(steepest.explain(x**2)._repr_mimebundle_()["text/html"])
    frame = page.frame_locator("iframe")
    frame.locator("figure.autograd .plate").first.wait_for()
    assert frame.locator("h1").inner_text() == "The loss is 9."
    said = frame.locator("figure.autograd text").all_text_contents()
    assert {"p", "3", "← 6", "to the power", "9", "← 1"} <= set(said)
    page.close()
