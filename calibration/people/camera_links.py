"""Which poses of two cameras are one person, and all cameras by way of such links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from calibration.geometry.spanning_tree import spanning_tree
from calibration.people.degeneracy import MIN_SHARED_INSTANTS, why_apart
from calibration.people.epipolar import depths
from calibration.people.observations import Crowd
from calibration.people.relative_pose import RelativePose

# That three pairs' rotations may miss each other by and still agree (rule of thumb).
MAX_LOOP_ERROR_DEG = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """What two cameras share: couples of poses that are one person; pose of the second."""

    first: int
    second: int
    view: RelativePose
    tracks: Ints  # (P, 2) tracks of both that are one person


def link_of(first: int, second: int, view: RelativePose, crowds: Sequence[Crowd]) -> Link:
    ends = [crowds[first].track[view.couples.one], crowds[second].track[view.couples.other]]
    return Link(first, second, view, np.unique(np.stack(ends, 1), axis=0))


def joining_links(
    cameras: Sequence[Camera], crowds: Sequence[Crowd], links: Sequence[Link]
) -> list[Link]:
    """The links that join all cameras best: those that other pairs agree with come first."""
    turns: dict[tuple[int, int], list[tuple[Doubles, int]]] = {}
    for n, link in enumerate(links):
        turns.setdefault((link.first, link.second), []).append((link.view.rotation, n))
        turns.setdefault((link.second, link.first), []).append((link.view.rotation.T, n))
    cosine = 1 + 2 * np.cos(np.radians(MAX_LOOP_ERROR_DEG))
    worth = []
    for link in links:
        total = link.view.score
        for third in set(range(len(cameras))) - {link.first, link.second}:
            total += max(
                (
                    min(links[m].view.score, links[n].view.score)
                    for one, m in turns.get((link.first, third), ())
                    for other, n in turns.get((third, link.second), ())
                    if np.trace((other @ one).T @ link.view.rotation) > cosine
                ),
                default=0.0,
            )
        worth.append(total)
    best = np.argsort(-np.array(worth), kind="stable")
    tree, lone = spanning_tree(len(cameras), (links[n] for n in best))
    if lone:
        raise CalibrationError(why_apart(cameras, crowds, lone))
    return tree


def place_cameras(
    cameras: Sequence[Camera], crowds: Sequence[Crowd], tree: Sequence[Link]
) -> tuple[Camera, ...]:
    """All cameras in the first one's frame, along the tree; the first link is 1 long.

    How long another link is follows from people whom a camera sees through both: they are as far
    from it by one as by the other.
    """
    far = [_distances(link, crowds) for link in tree]
    known: dict[int, tuple[Doubles, Doubles]] = {}
    start = tree[0].first
    known[start] = np.eye(3), np.zeros(3)
    # By camera: distances of its rows, in the scale of the whole.
    seen = {n: np.full(len(own), np.nan) for n, own in enumerate(crowds)}
    left = list(range(len(tree)))
    body = np.nan
    while left:
        n = next(k for k in left if (tree[k].first in known) != (tree[k].second in known))
        left.remove(n)
        link = tree[n]
        old, new = (link.first, link.second) if link.first in known else (link.second, link.first)
        own = far[n][0 if old == link.first else 1]
        ratio = seen[old] / own
        ratio = ratio[np.isfinite(ratio)]
        if len(ratio) >= MIN_SHARED_INSTANTS:
            length = float(np.median(ratio))
        elif np.isfinite(body):
            length = body / float(np.nanmedian(link.view.body))
        else:
            length = 1.0
        if not np.isfinite(body):
            body = length * float(np.nanmedian(link.view.body))
        turn, shift = link.view.rotation, length * link.view.translation
        if old == link.second:
            turn, shift = turn.T, -turn.T @ shift
        base = known[old]
        known[new] = turn @ base[0], turn @ base[1] + shift
        for camera, rows in zip((link.first, link.second), far[n], strict=True):
            seen[camera] = np.where(np.isnan(seen[camera]), length * rows, seen[camera])
    return tuple(
        replace(camera, rotation=known[n][0], translation=known[n][1])
        for n, camera in enumerate(cameras)
    )


def _distances(link: Link, crowds: Sequence[Crowd]) -> tuple[Doubles, Doubles]:
    """By row of both crowds: median depth of the body in baselines, NaN = not of this link."""
    view = link.view
    deep = depths((view.rotation, view.translation), view.couples)
    known = np.isfinite(deep[0]).any(1)
    out = []
    for own, crowd, rows in zip(
        deep,
        (crowds[link.first], crowds[link.second]),
        (view.couples.one, view.couples.other),
        strict=True,
    ):
        far = np.full(len(crowd), np.nan)
        far[rows[known]] = np.nanmedian(own[known], axis=1)
        out.append(np.where(far > 0, far, np.nan))
    return out[0], out[1]
