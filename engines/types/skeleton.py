"""Skeletons: which keypoints a model finds and how they hang together."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from engines.types.errors import CardError
from engines.types.toml_tables import build, check_keys, table, tables

FOLDER = Path(__file__).parents[1] / "skeletons"
FOLLOWERS = ("feet", "left_hand", "right_hand", "face")  # groups beside the body
LONGEST_LIMB_M = 0.8  # no person has a longer one
MAX_KEYPOINTS = 135  # OpenPose's BODY_135


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Keypoint names, limbs and what is known of each.

    At most 135 keypoints (OpenPose's BODY_135), one skeleton a run.

    keypoints: K names; `left_` and `right_` begin the names of paired ones.
    limbs: L index pairs in the order of assembly (OpenPose, CVPR'17, section 2.4).
    redundant: indices into `limbs` that may merge people but never start one, and are not drawn.
    sigmas: K standard deviations of the OKS (COCO keypoint evaluation), relative to sqrt(area).
    colours: K BGR triples.
    feet, left_hand, right_hand, face: indices of the keypoints of these groups; they follow the
        body and never decide who is who, but for those named in `deciding`.
    deciding: groups that count as body: the feet of BODY_25, which OpenPose finds as it finds
        ankles, and without which people in 3D were told apart less well (Shelf).
    body: indices of all others, the core that tracking, similarity, scores and association go by.
        What has no body (a single hand, a face, a car) is a body altogether.
    longest_limb: metres; in 3D nothing is a limb of the body that is longer.
    base: the skeleton that groups were added to, see `skeleton_groups.with_groups`; its keypoints
        come first.
    """

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    redundant: frozenset[int]
    sigmas: tuple[float, ...]
    colours: tuple[tuple[int, int, int], ...]
    feet: tuple[int, ...] = ()
    left_hand: tuple[int, ...] = ()
    right_hand: tuple[int, ...] = ()
    face: tuple[int, ...] = ()
    deciding: tuple[str, ...] = ()
    longest_limb: float = LONGEST_LIMB_M
    base: Skeleton | None = None
    body: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        followers = {
            n for name in FOLLOWERS if name not in self.deciding for n in getattr(self, name)
        }
        every = range(len(self.keypoints))
        body = tuple(n for n in every if n not in followers) or tuple(every)
        object.__setattr__(self, "body", body)

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The indices of each group by its name, `body` first; () where it has none."""
        return {name: getattr(self, name) for name in ("body", *FOLLOWERS)}

    @property
    def drawn(self) -> tuple[tuple[int, int], ...]:
        """The limbs without the redundant ones."""
        return tuple(limb for n, limb in enumerate(self.limbs) if n not in self.redundant)

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each keypoint the one that takes its place in a mirrored picture."""
        return _mirror(self.keypoints)

    def order_in(self, target: Skeleton) -> tuple[int, ...]:
        """For each keypoint of `target` its index here; CardError where one has no counterpart."""
        missing = [name for name in target.keypoints if name not in self.keypoints]
        if missing:
            raise CardError(
                f"Skeleton {self.name} has no {', '.join(missing)}, which {target.name} needs; "
                f"choose a model with these keypoints."
            )
        return tuple(self.keypoints.index(name) for name in target.keypoints)


@cache
def _mirror(keypoints: tuple[str, ...]) -> tuple[int, ...]:
    swap = {"left": "right", "right": "left"}
    names = []
    for name in keypoints:
        side, _, rest = name.partition("_")
        names.append(f"{swap[side]}_{rest}" if side in swap else name)
    return tuple(
        keypoints.index(other) if other in keypoints else n for n, other in enumerate(names)
    )


@dataclass(frozen=True, slots=True)
class Keypoint:
    """One keypoint as a skeleton's TOML table describes it; colour is RGB."""

    name: str
    sigma: float
    colour: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.name or self.sigma <= 0:
            raise CardError(f"keypoint {self.name!r} needs a name and a sigma above 0.")
        if len(self.colour) != 3 or not all(0 <= value <= 255 for value in self.colour):
            raise CardError(f"keypoint {self.name!r} needs a colour of three numbers, 0 to 255.")


def parse_skeleton(name: str, data: Any) -> Skeleton:
    """A skeleton from its TOML table (see skeletons/coco18.toml); CardError says what is wrong."""
    data = table(f"skeleton {name}", data)
    needed = ("keypoints", "limbs")
    known = (*needed, "redundant", "groups", "deciding", "longest_limb")
    check_keys(f"skeleton {name}", data, known, needed)
    points = [build(Keypoint, "keypoints", one) for one in tables("keypoints", data["keypoints"])]
    names = tuple(point.name for point in points)
    if len(set(names)) < len(names):
        raise CardError(f"skeleton {name} names a keypoint twice; give each its own name.")
    tree = _limbs("limbs", data["limbs"], names)
    redundant = _limbs("redundant", data.get("redundant", []), names)
    if not tree:
        raise CardError(f"skeleton {name} needs at least one limb.")
    if len(names) > MAX_KEYPOINTS:
        raise CardError(f"skeleton {name} has more than {MAX_KEYPOINTS} keypoints; leave some out.")
    groups = _groups(data.get("groups", {}), names)
    return Skeleton(
        name=name,
        keypoints=names,
        limbs=(*tree, *redundant),
        redundant=frozenset(range(len(tree), len(tree) + len(redundant))),
        sigmas=tuple(point.sigma for point in points),
        colours=tuple((p.colour[2], p.colour[1], p.colour[0]) for p in points),
        deciding=_deciding(data.get("deciding", [])),
        longest_limb=_metres("longest_limb", data.get("longest_limb", LONGEST_LIMB_M)),
        feet=groups.get("feet", ()),
        left_hand=groups.get("left_hand", ()),
        right_hand=groups.get("right_hand", ()),
        face=groups.get("face", ()),
    )


def _metres(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise CardError(f"{where} must be a number of metres above 0, not {value!r}.")
    return float(value)


def _deciding(data: Any) -> tuple[str, ...]:
    if not isinstance(data, list) or any(name not in FOLLOWERS for name in data):
        raise CardError(f"deciding must be a list of groups: {', '.join(FOLLOWERS)}.")
    return tuple(data)


def _groups(data: Any, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The groups beside the body, lists of keypoint names, as indices."""
    data = table("groups", data)
    check_keys("groups", data, FOLLOWERS, ())
    members = [name for group in data.values() if isinstance(group, list) for name in group]
    for group, listed in data.items():
        if not isinstance(listed, list) or any(name not in names for name in listed):
            raise CardError(f"groups.{group} must be a list of names of keypoints.")
    if len(set(members)) < len(members):
        raise CardError("groups has a keypoint twice; each belongs to one group at most.")
    return {group: tuple(map(names.index, listed)) for group, listed in data.items()}


def _limbs(where: str, pairs: Any, names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Pairs of keypoint names as pairs of indices."""
    if not isinstance(pairs, list):
        raise CardError(f"{where} must be a list of pairs of keypoint names.")
    for pair in pairs:
        known = isinstance(pair, list) and all(one in names for one in pair)
        if not known or len(pair) != 2 or pair[0] == pair[1]:
            raise CardError(f"{where} has {pair!r}, which is no pair of two of its keypoints.")
    return tuple((names.index(one), names.index(other)) for one, other in pairs)


@cache
def named_skeleton(name: str) -> Skeleton:
    """The skeleton that the package describes under this name."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise CardError(f"There is no skeleton {name!r}; known are {known}.")
    return parse_skeleton(name, tomllib.loads(path.read_text(encoding="utf-8")))
