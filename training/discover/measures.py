"""How good landmarks are, on pictures that were held back. Lengths are shares of the picture's
longer side unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch

from engines.networks.landmarks import STRIDE, Found, sureness
from engines.types.arrays import Doubles, Image, Ints
from training.discover.clip import Clip
from training.discover.warps import grid, random_warps, warped

AT_ONCE = 32  # pictures
MOST = 64  # pictures that are warped for the measure
STILL = 0.004  # standard deviation of a landmark over a clip, below which it never moves
RIDGE = 1e-4  # of the regression, relative to the mean square of its inputs

Find = Callable[[Image], Found]


@dataclass(frozen=True, slots=True)
class Measures:
    """equivariance: mean distance of a landmark of a warped picture, taken back, from that of the
    picture. spread: mean over pictures of the distance of the two nearest landmarks. nearest: mean
    distance of a landmark from its nearest. sure: mean confidence. still: how many never move: of a
    thing that does, they lie on the background.
    """

    equivariance: float
    spread: float
    nearest: float
    sure: float
    still: int

    def as_dict(self) -> dict[str, float]:
        """For a log."""
        return asdict(self)


def places(find: Find, pictures: Image) -> tuple[Doubles, Doubles]:
    """(P, K, 2) landmarks, -1..1, of pictures of the clip's size, and (P, K) how sure they are."""
    xy, sure = [], []
    for start in range(0, len(pictures), AT_ONCE):
        found = find(pictures[start : start + AT_ONCE])
        xy.append(found.xy.double().cpu().numpy())
        sure.append(sureness(found.maps).double().cpu().numpy())
    return np.concatenate(xy), np.concatenate(sure)


def measure(find: Find, clip: Clip, held: Ints) -> Measures:
    """On (F, V) pictures held back."""
    which = held.reshape(-1)
    which = which[np.linspace(0, len(which) - 1, min(len(which), MOST)).astype(int)]
    aspect = np.array(clip.aspect) / 2
    xy, sure = places(find, clip.pictures[which])
    apart = np.linalg.norm((xy[:, :, None] - xy[:, None]) * aspect, axis=-1)
    apart[:, np.eye(xy.shape[1], dtype=bool)] = np.inf
    moved = np.linalg.norm(xy.std(0) * aspect, axis=-1)
    return Measures(
        equivariance_error(find, clip, which, xy),
        float(apart.min((1, 2)).mean()),
        float(apart.min(2).mean()),
        float(sure.mean()),
        int((moved < STILL).sum()),
    )


def equivariance_error(find: Find, clip: Clip, which: Ints, xy: Doubles) -> float:
    """Of warps that no step of the training had, as far as they left a landmark in the picture."""
    warp = random_warps(len(which), clip.aspect, torch.Generator().manual_seed(20_171_022))
    pictures = torch.from_numpy(clip.pictures[which]).permute(0, 3, 1, 2).float()
    bent = warped(pictures, warp, (pictures.shape[2], pictures.shape[3]))
    again = bent.permute(0, 2, 3, 1).round().clamp(0, 255).byte().numpy()
    there, _ = places(find, again)
    back = warp(torch.from_numpy(there).float()).double().numpy()
    wide, high = clip.size
    cells = warp(grid(high // STRIDE, wide // STRIDE)).flatten(1, 2)
    near = torch.cdist(torch.from_numpy(xy).float(), cells).amin(2).numpy()
    seen = near < 2 * STRIDE / min(clip.size)
    away = np.linalg.norm((back - xy) * np.array(clip.aspect) / 2, axis=-1)
    return float(away[seen].mean())


def regression_error(
    landmarks: Doubles, labels: Doubles, learn: Ints, test: Ints, sizes: Doubles
) -> Doubles:
    """(J,) mean error of each label, in shares of the thing's size, predicted from all landmarks by
    a linear regression with an intercept (the surveys' protocol: Thewlis et al., section 4; LMDIS,
    section 4.1).

    landmarks: (F, K, D), labels: (F, J, D) in the same pictures, NaN = not labelled. learn, test:
    which pictures. sizes: (F,) of the thing, in the labels' units. NaN where too few are labelled.
    """
    inputs = landmarks.reshape(len(landmarks), -1)
    inputs = (inputs - inputs[learn].mean(0)) / (inputs[learn].std() + 1e-12)
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], 1)
    out = np.full(labels.shape[1], np.nan)
    for joint in range(labels.shape[1]):
        wanted = labels[:, joint]
        known = ~np.isnan(wanted[:, 0])
        seen, asked = learn[known[learn]], test[known[test]]
        if len(seen) < 2 or not len(asked):
            continue
        square = inputs[seen].T @ inputs[seen]
        ridge = RIDGE * len(seen) * np.eye(len(square))
        ridge[-1, -1] = 0
        solved = np.linalg.solve(square + ridge, inputs[seen].T @ wanted[seen])
        away = np.linalg.norm(inputs[asked] @ solved - wanted[asked], axis=1)
        out[joint] = (away / sizes[asked]).mean()
    return out
