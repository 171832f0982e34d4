"""What the table did, second by second, as columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = []

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
