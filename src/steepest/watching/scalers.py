"""The GradScalers of mixed precision: whether one has kept an optimizer from its step."""

from __future__ import annotations

import gc
import weakref

import torch


class Scalers:
    """Looks at the scales of all that are alive, once it is asked.

    A scaler that finds a gradient which is not finite leaves the step out, and halves its scale.
    """

    def __init__(self) -> None:
        self._last: dict[weakref.ref[torch.amp.GradScaler], float] | None = None
        self.scale: float | None = None
        """After the last step that was left out."""

    def skipped(self) -> bool:
        """Whether a scale has fallen since it was looked at last, or since its start."""
        if self._last is None:
            kind = torch.amp.GradScaler
            found = [one for one in gc.get_objects() if issubclass(type(one), kind)]
            self._last = {weakref.ref(one): one._init_scale for one in found if one.is_enabled()}
        fell = False
        for reference, before in self._last.items():
            scaler = reference()
            now = before if scaler is None else float(scaler.get_scale())
            self._last[reference] = now
            if now < before:
                fell, self.scale = True, now
        return fell
