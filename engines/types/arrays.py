"""Names for the arrays that functions here take and give; their shapes stand in docstrings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
Ints = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]  # what a network gives, by name
