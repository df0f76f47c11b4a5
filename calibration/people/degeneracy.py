"""Whether what cameras saw of people says enough, in words where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError, DegenerateError
from calibration.people.observations import MIN_COMMON_KEYPOINTS, Crowd

MIN_SHARED_INSTANTS = 10  # at which two cameras must see somebody together: fewer fit by chance
# Of a camera's people in other cameras, below which it may be chance (rule of thumb).
MIN_MATCHED_SHARE = 0.2
# Of poses equal to the last digit: two cameras never have one, a source given twice has all.
MAX_SAME_SHARE = 0.5
# Of a body's size (0.3 of its height) that people must move: less is one person standing.
MIN_PLACES_EXTENT = 0.5


def why_apart(cameras: Sequence[Camera], crowds: Sequence[Crowd], lone: Sequence[int]) -> str:
    instants = [set(own.instant.tolist()) for own in crowds]
    reasons = []
    for n in lone:
        shared = {m: len(instants[n] & instants[m]) for m in range(len(cameras)) if m != n}
        most = max(shared, key=lambda m: shared[m])
        name, other = cameras[n].name, cameras[most].name
        if not instants[n]:
            reasons.append(f"{name} saw nobody")
        elif shared[most] < MIN_SHARED_INSTANTS:
            reasons.append(
                f"{name} saw people in {len(instants[n])} frames, but in at most "
                f"{shared[most]} together with another camera ({other})"
            )
        else:
            reasons.append(f"no person seen by {name} matches one seen by another camera")
    return (
        f"Not all cameras are connected: {'; '.join(reasons)}. Film one or two people walking "
        "around for half a minute where several cameras see them at once, and check that the "
        "sources are synchronised and in the order of the intrinsics."
    )


def check_shared(cameras: Sequence[Camera], crowds: Sequence[Crowd], shared: Ints) -> None:
    """CalibrationError where a camera has nobody in common with the others any more."""
    most = (shared - np.diag(shared.diagonal())).max(1)
    lone = [n for n in range(len(cameras)) if most[n] < MIN_SHARED_INSTANTS]
    if lone:
        raise CalibrationError(why_apart(cameras, crowds, lone))


def check_different(cameras: Sequence[Camera], crowds: Sequence[Crowd]) -> None:
    """CalibrationError where two cameras saw the same to the last digit."""
    for a, b in combinations(range(len(cameras)), 2):
        one, other = (_digests(crowds[n]) for n in (a, b))
        if len(one & other) > MAX_SAME_SHARE * min(len(one), len(other)):
            raise CalibrationError(
                f"{cameras[a].name} and {cameras[b].name} saw exactly the same, so both have "
                "the same source; give each camera its own --source."
            )


def _digests(crowd: Crowd) -> set[tuple[int, bytes]]:
    return {(at, xy.tobytes()) for at, xy in zip(crowd.instant.tolist(), crowd.xy, strict=True)}


def matched(crowds: Sequence[Crowd], rows: Ints) -> Doubles:
    """(V,) shares of those poses that others could have seen too, that they did see."""
    shares = []
    for n, crowd in enumerate(crowds):
        others = np.concatenate([one.instant for m, one in enumerate(crowds) if m != n])
        could = np.isin(crowd.instant, others).sum()
        shares.append((rows[:, n] >= 0).sum() / max(int(could), 1))
    return np.array(shares)


def check_matched(cameras: Sequence[Camera], matched: Doubles) -> None:
    """CalibrationError where hardly anybody is in two cameras: chance explains as many."""
    worst = int(matched.argmin())
    if matched[worst] < MIN_MATCHED_SHARE:
        raise CalibrationError(
            f"Only {matched[worst]:.0%} of the people seen by {cameras[worst].name} match "
            "people in other cameras, which may be chance; check that the sources are "
            "synchronised and in the order of the intrinsics, or film people where all "
            "cameras see them."
        )


def check_places(xyz: Doubles) -> None:
    """DegenerateError where people (G, K, 3) stay where they are, or are nowhere."""
    known = np.isfinite(xyz).all(-1)
    whole = xyz[known.sum(1) >= MIN_COMMON_KEYPOINTS]
    if not len(whole):
        raise DegenerateError(
            "No two cameras agree on where anybody was; check that the sources are synchronised "
            "and in the order of the intrinsics."
        )
    middle = np.nanmean(whole, axis=1)
    size = float(np.median(np.sqrt(np.nanmean(((whole - middle[:, None]) ** 2).sum(-1), axis=1))))
    apart = float(np.linalg.svd(middle - np.median(middle, axis=0))[1][0]) / np.sqrt(len(middle))
    if not apart > MIN_PLACES_EXTENT * size:
        raise DegenerateError(
            "People hardly move: all were seen in one place, which is not enough to locate "
            "the cameras; film somebody walking through the whole space that the cameras "
            "share."
        )
