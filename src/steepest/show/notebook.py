"""A run in a notebook: live figures where scripts may run, a picture where they may not."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

from steepest.show.report import kit
from steepest.words.errors import needing

_HEIGHT = 760

_FRAME = (
    '<iframe srcdoc="{page}" sandbox="allow-scripts" title="{title}" width="100%" '
    'height="{height}" style="border:0" loading="lazy"></iframe>'
)

_PICTURE = (
    "<details><summary>The figures as a picture</summary>"
    '<img alt="{title}" src="data:image/png;base64,{picture}"></details>'
)

_WIDGET = """
export default {
  render({ model, el }) {
    const handle = Steepest.mount(el, model.get("board"));
    const steps = model.get("board").frames;
    const far = (frame, step) => Math.abs(steps[frame] - step);
    const nearest = (step) =>
      steps.reduce((best, _, frame) => (far(frame, step) < far(best, step) ? frame : best), 0);
    const follow = () => handle.setStep(nearest(model.get("step")));
    const tell = ({ detail }) => {
      if (detail.step === model.get("step")) return;
      model.set("step", detail.step);
      model.save_changes();
    };
    model.on("change:step", follow);
    el.addEventListener("steepest:step", tell);
    return () => {
      model.off("change:step", follow);
      el.removeEventListener("steepest:step", tell);
      handle.destroy();
    };
  },
};
"""


def html_of(page: str, *, title: str, picture: bytes | None) -> str:
    """The page in a frame of its own, from which no script reaches the notebook.

    Where frames are taken out, as in notebooks that are not trusted, the picture (PNG) stays.
    """
    shown = _FRAME.format(page=escape(page), title=escape(title), height=_HEIGHT)
    if picture is not None:
        shown += _PICTURE.format(
            title=escape(title), picture=base64.b64encode(picture).decode("ascii")
        )
    return shown


def widget_of(board: Mapping[str, Any]) -> Any:
    """The board as an anywidget with a trait `step` that is read and set from either side.

    Raises UsageError where anywidget is not installed.
    """
    with needing("anywidget", "A widget needs anywidget", install="steepest[notebook]"):
        import anywidget
        import traitlets
    script, style = kit()

    class BoardWidget(anywidget.AnyWidget):
        """The figures of a run; `step` is where the cursor stands."""

        _esm = script + _WIDGET
        _css = style
        board = traitlets.Dict().tag(sync=True)
        step = traitlets.Int().tag(sync=True)

    return BoardWidget(board=dict(board), step=int(board["frames"][board["at"]]))
