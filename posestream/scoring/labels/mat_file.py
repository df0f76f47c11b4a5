"""Arrays in MATLAB's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.types.arrays import Doubles
from realtime.types.errors import SourceError


def read_mat(path: Path, name: str) -> Doubles:
    """The array of this name; ValueError where the file has none, SourceError without scipy."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise SourceError(
            f"{path.name} is a file of MATLAB; to read it, run: pip install 'posestream[matlab]'."
        ) from error
    try:
        found = loadmat(path, variable_names=[name])
    except Exception as error:  # scipy's readers raise whatever they come upon
        raise ValueError("it cannot be read as a file of MATLAB") from error
    if name not in found:
        raise ValueError(f"it has no array {name}")
    return np.asarray(found[name], np.float64)
