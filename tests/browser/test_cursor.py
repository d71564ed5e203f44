"""One cursor: wherever it is moved, every figure follows."""

from typing import Any

import pytest
from tests.browser.boards import STEPS, every_kind, only
from tests.browser.pages import Show, Shown

from steepest.show.figures import RUN

# Those that show a state of the descent; a sweep and a spectrum belong to the whole run.
MOVING = {
    "loss",
    "fit",
    "residuals",
    "slice",
    "contour",
    "surface",
    "pulls",
    "backward",
    "function",
    "training",
    "layers",
    "plane",
}


def by_figure(shown: Shown) -> list[tuple[str, list[str]]]:
    """(kind, lines) of each figure, in their order."""
    found: list[tuple[str, list[str]]] = []
    for line in shown.says():
        if line.startswith("# "):
            found.append((line[2:].partition(":")[0], []))
        else:
            found[-1][1].append(line)
    return found


def test_a_key_moves_every_figure(show: Show) -> None:
    shown = show(every_kind() | {"at": 3})
    before = by_figure(shown)
    shown.page.keyboard.press("ArrowLeft")
    assert shown.frame == 2
    after = by_figure(shown)
    moved = {kind for (kind, old), (_, new) in zip(before, after, strict=True) if old != new}
    assert moved == MOVING | {kind for kind, (_, make) in RUN.items() if make is not None}
    shown.page.keyboard.press("ArrowRight")
    assert by_figure(shown) == before


KEYS = [
    # (pressed, from frame, to frame)
    ("ArrowRight", 3, 4),
    ("ArrowLeft", 3, 2),
    ("Shift+ArrowRight", 0, 10),
    ("Shift+ArrowLeft", 10, 0),
    ("ArrowLeft", 0, 0),
    ("ArrowRight", STEPS, STEPS),
    ("Home", 5, 0),
    ("End", 5, STEPS),
]


@pytest.mark.parametrize("focus", ["page", "slider", "button"])
def test_keys(focus: str, show: Show) -> None:
    board = only(every_kind(), "loss")
    shown = show(board)
    place = {"page": "body", "slider": "input", "button": ".timeline button"}[focus]
    for key, start, end in KEYS:
        go_to(shown, start)
        shown.page.locator(place).first.focus()
        shown.page.keyboard.press(key)
        assert (key, start, shown.frame) == (key, start, end)
        loss = f"{board['loss'][end]:,.4f}".rstrip("0")
        assert shown.said == f"step {end} of {STEPS}, loss {loss}"
        assert shown.page.get_attribute("input", "aria-valuetext") == shown.said


def go_to(shown: Shown, frame: int) -> None:
    shown.page.evaluate(
        """(frame) => {
          const slider = document.querySelector("input");
          slider.valueAsNumber = frame;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        frame,
    )
    assert shown.frame == frame


def test_keys_with_control_are_the_browsers(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": 5})
    shown.page.keyboard.press("Control+ArrowRight")
    assert shown.frame == 5


def test_the_readout_is_a_live_region_with_every_weight(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": 0})
    assert shown.page.get_attribute("output", "aria-live") == "polite"
    readings = shown.page.locator(".weights li").all_inner_texts()
    assert [" ".join(reading.split()) for reading in readings] == [
        f"a 0.0121 ∂ {number(0)}",
        f"b −0.6397 ∂ {number(1)}",
        f"c 0.6416 ∂ {number(2)}",
    ]


def number(weight: int) -> str:
    return f"{every_kind()['gradient'][0][weight]:,.4g}".replace("-", "−")


@pytest.mark.parametrize("kind", ["loss", "contour", "slice"])
def test_hovering_looks_and_pressing_stays(kind: str, show: Show) -> None:
    board = only(every_kind(), kind)
    board["figures"] = board["figures"][:1]
    shown = show(board | {"at": STEPS})
    spots = {}
    for frame in (0, STEPS):
        shown.page.keyboard.press("Home" if frame == 0 else "End")
        box = shown.page.locator("circle.here").first.bounding_box()
        assert box is not None
        spots[frame] = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse = shown.page.mouse
    mouse.move(*spots[0])
    assert shown.frame == 0
    mouse.move(2, 2)
    assert shown.frame == STEPS
    mouse.move(*spots[0])
    mouse.down()
    mouse.up()
    mouse.move(2, 2)
    assert shown.frame == 0


def test_dragging_in_the_loss_moves_the_cursor(show: Show) -> None:
    shown = show(only(every_kind(), "loss"))
    box = shown.page.locator(".chooser").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    shown.page.mouse.move(box["x"] + 2, middle)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] / 3, middle, steps=5)
    shown.page.mouse.up()
    # The axis ends at the forecast's later end, 29.
    assert shown.frame == STEPS
    shown.page.mouse.move(2, 2)
    assert shown.frame == STEPS


def test_buttons(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": 4})
    shown.page.get_by_role("button", name="A step back").click()
    assert shown.frame == 3
    shown.page.get_by_role("button", name="A step on").click()
    assert shown.frame == 4


def test_playing_goes_to_the_end_step_by_step(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": STEPS - 3})
    shown.page.evaluate(
        "window.seen = []; window.said = [];"
        "document.addEventListener('steepest:step', (event) => { window.seen.push(event.detail);"
        "window.said.push(document.querySelector('output').getAttribute('aria-live')) })"
    )
    shown.page.keyboard.press(" ")
    while shown.page.evaluate("window.seen.length") < 3:
        shown.page.wait_for_timeout(50)
    shown.page.get_by_role("button", name="Play").wait_for()
    seen = shown.page.evaluate("window.seen")
    assert seen == [{"frame": frame, "step": frame} for frame in (8, 9, 10)]
    # Nothing is read out while it plays. That it plays no longer is known at its last step.
    assert shown.page.evaluate("window.said")[:2] == ["off", "off"]
    assert shown.page.get_attribute("output", "aria-live") == "polite"


def test_with_reduced_motion_nothing_plays(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": 0}, reduced_motion="reduce")
    shown.page.keyboard.press(" ")
    assert shown.frame == STEPS
    assert shown.page.get_by_role("button", name="Pause").count() == 0


def test_space_presses_a_button_that_has_the_focus(show: Show) -> None:
    shown = show(only(every_kind(), "loss") | {"at": 4})
    shown.page.get_by_role("button", name="A step back").focus()
    shown.page.keyboard.press(" ")
    assert shown.frame == 3
    assert shown.page.get_by_role("button", name="Pause").count() == 0


def test_a_program_moves_the_cursor_and_takes_the_board_away(show: Show) -> None:
    shown = show(every_kind())
    page = shown.page
    moved = page.evaluate(
        """(board) => {
          const place = document.createElement("div");
          document.body.append(place);
          const steps = [];
          place.addEventListener("steepest:step", ({ detail }) => steps.push(detail.step));
          const handle = Steepest.mount(place, board, { figures: ["loss", "fit"], words: false });
          const kinds = [...place.querySelectorAll("figure")].map((figure) => figure.className);
          handle.setStep(2);
          handle.setStep(2);
          handle.setStep(99);
          const words = place.querySelectorAll(".verdict").length;
          handle.destroy();
          return { steps, kinds, words, left: place.childNodes.length };
        }""",
        every_kind(),
    )
    assert moved == {"steps": [2, STEPS], "kinds": ["loss", "fit", "fit"], "words": 0, "left": 0}


def turned(shown: Shown) -> Any:
    return shown.page.evaluate(
        "() => [document.querySelector('.surface .cell').getAttribute('d'),"
        " document.querySelector('.surface .here').getAttribute('transform')]"
    )


def test_the_surface_turns_by_mouse_buttons_and_keys(show: Show) -> None:
    shown = show(only(every_kind(), "surface"))
    seen = [turned(shown)]
    box = shown.page.locator(".surface svg.picture").bounding_box()
    assert box is not None
    shown.page.mouse.move(box["x"] + 90, box["y"] + 90)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 140, box["y"] + 100, steps=3)
    shown.page.mouse.up()
    seen.append(turned(shown))
    shown.page.get_by_role("button", name="Turn left").click()
    seen.append(turned(shown))
    shown.page.keyboard.press("w")
    seen.append(turned(shown))
    assert len({str(one) for one in seen}) == len(seen)
    assert shown.frame == STEPS
    plane = shown.page.locator(".plane")
    assert plane.get_attribute("d")
    shown.page.get_by_role("button", name="tangent plane").click()
    assert plane.get_attribute("d") == ""


def test_a_figure_is_drawn_anew_for_another_width(show: Show) -> None:
    shown = show(only(every_kind(), "loss", "contour"))
    before = shown.says()
    shown.page.set_viewport_size({"width": 700, "height": 900})
    shown.page.wait_for_timeout(100)
    narrow = shown.says()
    assert narrow != before
    # Letters have the same size at every width: one pixel of the drawing is one of the page.
    ratio = shown.page.evaluate(
        "() => { const picture = document.querySelector('.picture');"
        " return picture.getBoundingClientRect().width / picture.viewBox.baseVal.width; }"
    )
    assert ratio == pytest.approx(1, abs=0.01)
    shown.page.set_viewport_size({"width": 1280, "height": 900})
    shown.page.wait_for_timeout(100)
    assert shown.says() == before
