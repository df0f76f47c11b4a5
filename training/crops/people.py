"""Who is in the photos, and where their keypoints are: what the crop network is taught."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.skeleton import named_skeleton
from training.data.errors import TrainingError

COCO = named_skeleton("coco17")  # the keypoints that are learnt
WITH_FEET = named_skeleton("coco21")  # and these by crops-feet
BODY = len(COCO.keypoints)  # where those of feet begin


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """P people of many photos.

    photo: (P,) the photo's number in the order of read_photos. xy: (P, K, 2) pixels of it (COCO's
    17, and 4 more of crops-feet; NaN = nobody knows). score: (P, K) 0..1, how surely the point is
    there. weight: (P, K) how much the point counts in learning. box: (P, K, 2) the keypoints as a
    bottom-up network found them, around which the crop is made; NaN = not found. done: photos below
    are complete.
    """

    photo: NDArray[np.int32]
    xy: Floats
    score: Floats
    weight: Floats
    box: Floats
    done: int

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        new = path.with_suffix(".new.npz")
        np.savez_compressed(new, **{one.name: getattr(self, one.name) for one in fields(self)})
        new.replace(path)


def load_people(path: Path) -> People:
    """TrainingError where the file is none of these."""
    try:
        with np.load(path) as file:
            values: dict[str, Any] = {one.name: file[one.name] for one in fields(People)}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path} holds no people of photos; make it with python -m training crops-teach."
        ) from error
    values["done"] = int(values["done"])
    return People(**values)
