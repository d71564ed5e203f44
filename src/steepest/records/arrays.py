"""The arrays that every record is made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Cube = npt.NDArray[np.float64]
"""Of three axes."""
Steps = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
