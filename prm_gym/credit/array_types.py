"""Names for the array types of the credit library."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Column: TypeAlias = npt.NDArray[np.generic]
"""A per-step column of any kind: numbers, or keys as an object array."""
