"""Whatever a board holds, it is drawn as data: no markup, no request, no broken page.

Every page here lies under a policy that allows its own script and style by their hashes; a breach
is an error on the console, and fails the test.
"""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.browser.boards import every_kind, only, renamed, spoilt
from tests.browser.pages import STATIC, Show

HOSTILE = [
    pytest.param("<img src=x onerror=\"document.title='caught'\">", id="markup"),
    pytest.param("</script><script>document.title='caught'</script>", id="end-of-script"),
    pytest.param("\u202egnirts\u202c\u0000\u001b[31m", id="direction-and-control"),
    pytest.param("NaN", id="a-column-called-NaN"),
    pytest.param("constructor", id="a-name-of-the-language"),
    pytest.param("x" * 2000, id="two-thousand-letters"),
    pytest.param("ψ̈𝛁🪨", id="beyond-latin"),
    pytest.param("", id="nothing"),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(name: str, show: Show) -> None:
    shown = show(renamed(every_kind(), name))
    page = shown.page
    assert page.title() == "A board"
    assert page.locator("figure").count() == len(every_kind()["figures"])
    assert page.locator("img").count() == 0
    if name.strip() and name.isprintable():
        # A headline is shown in full.
        assert page.locator("h1").text_content() == name
    # Nothing runs out of the page.
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert not re.search("[\u202e\0\x1b]", "".join(page.locator("text").all_text_contents()))


@pytest.mark.parametrize("broken", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("every", [1, 3], ids=["everywhere", "here-and-there"])
def test_numbers_that_are_not_finite_are_drawn_around(broken: str, every: int, show: Show) -> None:
    board = spoilt(every_kind(), broken, every)
    shown = show(board)
    assert shown.page.locator("figure").count() == len(board["figures"])
    for key in ("Home", "ArrowRight", "ArrowRight", "End"):
        shown.page.keyboard.press(key)
        drawn = shown.page.evaluate(
            "() => [...document.querySelectorAll('svg *')].flatMap((element) =>"
            " element.getAttributeNames().filter((name) => name !== 'aria-label')"
            " .map((name) => element.getAttribute(name)))"
        )
        assert not [value for value in drawn if re.search("NaN|Infinity|undefined", value)]
    words = shown.page.inner_text("body")
    assert "undefined" not in words
    if every == 1:
        said = {"NaN": "not a number", "Infinity": "infinity", "-Infinity": "minus infinity"}
        assert f"loss {said[broken]}" in shown.said


def test_a_name_stays_a_name_where_a_number_would_be_revived(show: Show) -> None:
    board = only(every_kind(), "loss") | {"weights": ["NaN", "Infinity", "c"], "at": 0}
    board["loss"] = ["Infinity", *board["loss"][1:]]
    shown = show(board)
    assert shown.page.locator(".weights .name").all_inner_texts() == ["NaN", "Infinity", "c"]
    assert shown.said == "step 0 of 10, loss infinity"


def board_of(frames: int) -> dict[str, object]:
    """The first frames of a board, cut as a run that stopped there."""
    board = every_kind()

    def cut(value: object) -> object:
        if isinstance(value, dict):
            return {key: cut(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [cut(entry) for entry in (value[:frames] if len(value) == 11 else value)]
        return value

    found = cut(board)
    assert isinstance(found, dict)
    # Zero of them is what a board without a descent has.
    return found | {"frames": list(range(frames)), "at": max(0, frames - 1)}


@pytest.mark.parametrize("frames", [0, 1, 2], ids=["empty", "only-the-start", "one-step"])
def test_short_runs(frames: int, show: Show) -> None:
    shown = show(board_of(frames))
    assert shown.page.locator("figure").count() == len(every_kind()["figures"])
    assert shown.page.locator("input[type=range]").count() == (frames > 1)


def test_a_board_without_anything(show: Show) -> None:
    shown = show({"figures": []})
    assert shown.page.locator("section.steepest").count() == 1
    assert shown.page.locator("figure").count() == 0


def test_a_figure_alone_is_a_board_of_one(show: Show) -> None:
    board = every_kind()
    own = {"frames": board["frames"], "at": 2, "weights": board["weights"]}
    page = show({"figures": []}).page
    for given_ in board["figures"]:
        shown = page.evaluate(
            """(figure) => {
              const place = document.getElementById("steepest");
              const handle = Steepest.mount(place, figure);
              const said = () => place.querySelector("output").textContent;
              const opened = [place.querySelectorAll("figure").length, said()];
              handle.setStep(3);
              opened.push(said(), place.querySelector("figure").className);
              handle.destroy();
              return opened;
            }""",
            given_ | own,
        )
        assert shown == [1, "step 2 of 10", "step 3 of 10", given_["kind"]]


def test_a_kind_from_the_future_is_left_out(show: Show) -> None:
    board = only(every_kind(), "loss")
    board["figures"].append(board["figures"][0] | {"kind": "hologram"})
    board["figures"].append(board["figures"][0] | {"kind": "constructor"})
    assert show(board).page.locator("figure").count() == 1


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
anything = st.one_of(finite, st.sampled_from(["NaN", "Infinity", "-Infinity"]))


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    losses=st.lists(anything, min_size=1, max_size=6),
    scale=st.sampled_from(["linear", "log", "symlog"]),
)
def test_any_trace_can_be_drawn(losses: list[object], scale: str, show: Show) -> None:
    board = only(every_kind(), "loss")
    frames = list(range(len(losses)))
    board["figures"][0] |= {"step": frames, "loss": losses, "validation": losses}
    board["figures"][0] |= {"y": {"label": "loss", "scale": scale}}
    if not show.opened:
        show(board)
    page = show.opened[0].page
    drawn = page.evaluate(
        """(board) => {
          const place = document.getElementById("steepest");
          Steepest.mount(place, board).setStep(0);
          return [...place.querySelectorAll("svg *")].flatMap((element) =>
            ["d", "x", "y", "transform"].map((name) => element.getAttribute(name) ?? ""));
        }""",
        board | {"frames": frames, "loss": losses, "at": len(losses) - 1},
    )
    assert not [value for value in drawn if re.search("NaN|Infinity|undefined|e[+-]", value)]


def test_the_script_can_stand_inside_a_page() -> None:
    script = (STATIC / "steepest.js").read_text("utf-8")
    style = (STATIC / "steepest.css").read_text("utf-8")
    # These would end the element early, or change how the rest is read.
    assert "</script" not in script.lower()
    assert "<!--" not in script
    assert "</style" not in style.lower()
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"\beval\b|new Function|innerHTML|insertAdjacentHTML|fetch\(", script)


def test_copying_takes_the_command_as_it_is(show: Show) -> None:
    board = only(every_kind(), "loss")
    board["remedies"][0]["command"] = "steepest fit '<b>.csv' \"it's\""
    shown = show(board, permissions=["clipboard-read", "clipboard-write"])
    page = shown.page
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("copied").wait_for()
    assert page.evaluate("window.copied") == "steepest fit '<b>.csv' \"it's\""


def test_without_a_clipboard_the_command_is_selected(show: Show) -> None:
    shown = show(only(every_kind(), "loss"))
    page = shown.page
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy the command").click()
    page.locator(".done").filter(has_text=re.compile("copied|selected")).wait_for()
    command = every_kind()["remedies"][0]["command"]
    assert page.evaluate("String(getSelection())") == command
