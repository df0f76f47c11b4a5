"""A skeleton as the table that a skeleton's TOML file holds, for the way to another computer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engines.types.skeleton import FOLLOWERS, Skeleton, parse_skeleton


def skeleton_table(skeleton: Skeleton) -> dict[str, Any]:
    """Plain lists and texts, ready for JSON; with the name, and the base that it was made of."""
    names = skeleton.keypoints

    def pairs(limbs: Iterable[tuple[int, int]]) -> list[list[str]]:
        return [[names[a], names[b]] for a, b in limbs]

    points = zip(names, skeleton.sigmas, skeleton.colours, strict=True)
    groups = {name: getattr(skeleton, name) for name in FOLLOWERS}
    return {
        "name": skeleton.name,
        "base": None if skeleton.base is None else skeleton_table(skeleton.base),
        "table": {
            "keypoints": [
                {"name": name, "sigma": sigma, "colour": [red, green, blue]}
                for name, sigma, (blue, green, red) in points
            ],
            "limbs": pairs(skeleton.drawn),
            "redundant": pairs(skeleton.limbs[n] for n in sorted(skeleton.redundant)),
            "groups": {name: [names[n] for n in group] for name, group in groups.items() if group},
            "deciding": list(skeleton.deciding),
            "longest_limb": skeleton.longest_limb,
        },
    }


def read_skeleton_table(data: Any) -> Skeleton:
    """The skeleton of such a table; CardError, KeyError or TypeError where it is none."""
    found = parse_skeleton(str(data["name"]), data["table"])
    base = data["base"]
    return found if base is None else replace(found, base=read_skeleton_table(base))
