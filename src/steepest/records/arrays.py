"""The arrays and the words that every record is made of."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Cube = npt.NDArray[np.float64]
"""Of three axes."""
Steps = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

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
