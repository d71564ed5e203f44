"""The words of which a record has one."""

from __future__ import annotations

from typing import Literal

Command = Literal["fit", "minimize"]
KeptCommand = Literal["fit", "minimize", "watch", "train", "judge"]
"""What a store keeps runs of."""
Stopped = Literal[
    "step limit", "converged", "diverged", "patience", "time limit", "interrupted", "goal"
]
Word = Literal["too small", "just right", "too large", "not measured"]
Severity = Literal["error", "warning", "info"]
Edge = Literal["lower", "upper"]
"""Which of its bounds a weight is at."""
Status = Literal["running", "finished", "interrupted", "killed"]
"""Of a kept run. Killed: its process is gone, and it had not said how it ended."""
