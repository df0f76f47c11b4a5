"""Skeletons: which keypoints a model finds and how they hang together."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engines.errors import CardError

FOLDER = Path(__file__).parent / "skeletons"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Keypoint names, limbs and what is known of each.

    keypoints: K names; `left_` and `right_` begin the names of paired ones.
    limbs: L index pairs in the order of assembly (OpenPose, CVPR'17, section 2.4).
    redundant: indices into `limbs` that may merge people but never start one, and are not drawn.
    sigmas: K standard deviations of the OKS (COCO keypoint evaluation), relative to sqrt(area).
    colours: K BGR triples.
    """

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    redundant: frozenset[int]
    sigmas: tuple[float, ...]
    colours: tuple[tuple[int, int, int], ...]

    @property
    def drawn(self) -> tuple[tuple[int, int], ...]:
        """The limbs without the redundant ones."""
        return tuple(limb for n, limb in enumerate(self.limbs) if n not in self.redundant)

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each keypoint the one that takes its place in a mirrored picture."""
        swap = {"left": "right", "right": "left"}
        names = []
        for name in self.keypoints:
            side, _, rest = name.partition("_")
            names.append(f"{swap[side]}_{rest}" if side in swap else name)
        return tuple(
            self.keypoints.index(other) if other in self.keypoints else n
            for n, other in enumerate(names)
        )

    def order_in(self, target: Skeleton) -> tuple[int, ...]:
        """For each keypoint of `target` its index here; CardError where one has no counterpart."""
        missing = [name for name in target.keypoints if name not in self.keypoints]
        if missing:
            raise CardError(
                f"Skeleton {self.name} has no {', '.join(missing)}, which {target.name} needs; "
                f"choose a model with these keypoints."
            )
        return tuple(self.keypoints.index(name) for name in target.keypoints)


def parse_skeleton(name: str, data: dict[str, Any]) -> Skeleton:
    """A skeleton from its TOML table (see skeletons/coco18.toml); CardError says what is wrong."""
    try:
        points = data["keypoints"]
        names = tuple(str(point["name"]) for point in points)
        if len(set(names)) < len(names):
            raise CardError(f"Skeleton {name} names a keypoint twice; give each its own name.")
        pairs = [*data["limbs"], *data.get("redundant", [])]
        limbs = tuple((names.index(a), names.index(b)) for a, b in pairs)
        return Skeleton(
            name=name,
            keypoints=names,
            limbs=limbs,
            redundant=frozenset(range(len(data["limbs"]), len(pairs))),
            sigmas=tuple(float(point["sigma"]) for point in points),
            colours=tuple(_bgr(point["colour"]) for point in points),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, CardError):
            raise
        raise CardError(
            f"Skeleton {name} is not complete ({error!r}); it needs keypoints with name, sigma and "
            f"colour, and limbs as pairs of those names."
        ) from error


def _bgr(rgb: list[int]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rgb)
    return blue, green, red


@cache
def named_skeleton(name: str) -> Skeleton:
    """The skeleton that the package describes under this name."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise CardError(f"There is no skeleton {name!r}; known are {known}.")
    return parse_skeleton(name, tomllib.loads(path.read_text()))
