"""axe finds nothing, in light and dark, on a desk and on a phone; and what axe cannot see."""

from pathlib import Path

import pytest
from tests.browser.boards import every_kind, only, renamed
from tests.browser.pages import Show, Shown

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"


def findings(shown: Shown, *but: str) -> list[str]:
    """What axe finds, without the rules that are `but` the page's affair."""
    if not AXE.is_file():
        pytest.skip("axe is not installed: `make test` installs it where there is npm.")
    shown.page.evaluate(AXE.read_text("utf-8"))
    found = shown.page.evaluate(
        """async (but) => (await axe.run()).violations.filter(({ id }) => !but.includes(id))
             .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))""",
        but,
    )
    return list(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_axe_finds_nothing(scheme: str, width: int, show: Show) -> None:
    assert findings(show(every_kind(), width=width, color_scheme=scheme)) == []


@pytest.mark.parametrize("kind", ["backward", "surface", "layers", "autograd"])
def test_axe_finds_nothing_at_a_figure_alone(kind: str, show: Show) -> None:
    board = every_kind()
    alone = only(board, kind)["figures"][0] | {"frames": board["frames"], "at": 2}
    # A figure alone has a caption; the heading is that of the page it stands on.
    assert findings(show(alone, width=390), "page-has-heading-one") == []


def test_axe_finds_nothing_where_names_are_long(show: Show) -> None:
    assert findings(show(renamed(every_kind(), "speed of the second car " * 12), width=390)) == []


def test_every_figure_has_its_words(show: Show) -> None:
    board = every_kind()
    shown = show(board)
    pictures = shown.page.locator("[role=img]").all()
    assert [one.get_attribute("aria-label") for one in pictures] == [
        given["text"] for given in board["figures"]
    ]
    captions = shown.page.locator("figcaption").all_text_contents()
    assert captions == [given["title"] for given in board["figures"]]


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_the_keyboard_reaches_every_control(width: int, show: Show) -> None:
    shown = show(every_kind(), width=width)
    reached = set()
    for _ in range(40):
        shown.page.keyboard.press("Tab")
        reached.add(
            shown.page.evaluate(
                "() => document.activeElement.getAttribute('aria-label')"
                " ?? document.activeElement.textContent"
            )
        )
    controls = shown.page.locator("button, input").all()
    names = {one.get_attribute("aria-label") or one.inner_text() for one in controls}
    assert len(names) == 15
    assert names <= reached
    if width < 640:
        # Figures side by side are a window that scrolls.
        assert "Figures" in reached


def test_on_a_phone_one_figure_stands_at_a_time(show: Show) -> None:
    shown = show(every_kind(), width=390)
    page = shown.page
    figures = [one.bounding_box() for one in page.locator("figure").all()]
    assert all(box is not None and 300 <= box["width"] <= 390 for box in figures)
    assert len({box["y"] for box in figures if box}) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_decides_the_theme(theme: str, show: Show) -> None:
    other = {"light": "dark", "dark": "light"}[theme]
    shown = show(only(every_kind(), "loss", "surface"), color_scheme=other)
    page = shown.page
    read = "getComputedStyle(document.querySelector('.steepest')).backgroundColor"
    sheet = "getComputedStyle(document.querySelector('.surface .cell')).fill"
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}
    assert page.evaluate(read) == paper[other]
    before = page.evaluate(sheet)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    assert page.evaluate(read) == paper[theme]
    assert page.evaluate(sheet) != before


def test_paper_has_no_buttons(show: Show) -> None:
    shown = show(every_kind(), color_scheme="dark")
    shown.page.emulate_media(media="print")
    assert shown.page.locator("button:visible, input:visible").count() == 0
    assert shown.page.locator("output:visible").count() == 1
    background = shown.page.evaluate(
        "getComputedStyle(document.querySelector('.steepest')).backgroundColor"
    )
    assert background == "rgb(255, 255, 255)"
    assert shown.page.pdf().startswith(b"%PDF")
