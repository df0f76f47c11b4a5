"""The skeleton of discovered landmarks, as a card has it."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from engines.types.arrays import Doubles
from training.discover.edges import limbs_of, pairs, rigidity
from training.discover.learner import Learner

UPON = 0.6  # of the share of the best line, that a limb's must be on the thing
LOOKED_AT, ALONG = 64, 9  # pictures, and places along a line
SIGMA = 0.05  # of the OKS: nobody has measured how exactly people would place landmarks


def limbs(learner: Learner, xy: Doubles) -> list[tuple[int, int]]:
    """From the edges that were learnt, else from the distances that last over (P, K, 2) places in
    the clip's first pictures, in shares of half the longer side. Lines that leave the thing are
    none.
    """
    weights = learner.decoder.edges
    learnt = weights is not None
    if weights is None:
        strength = rigidity(xy)
    else:
        with torch.inference_mode():
            strength = functional.softplus(weights).double().cpu().numpy()
    upon = on_thing(learner, xy)
    found = limbs_of(strength * upon**2, learner.points, learnt=learnt)
    share = dict(zip(pairs(learner.points), upon, strict=True))
    return [one for one in found if share[one] >= UPON * upon.max()]


def on_thing(learner: Learner, xy: Doubles) -> Doubles:
    """(E,) the share of the line between each pair of landmarks that lies on what is not always
    there; 1 where the camera moves, and nobody knows.
    """
    which = np.unique(np.linspace(0, len(xy) - 1, min(len(xy), LOOKED_AT)).astype(int))
    shown = learner.shown(which)
    one, other = np.array(pairs(learner.points)).T
    if shown is None:
        return np.ones(len(one))
    at = torch.from_numpy(xy[which] / np.array(learner.clip.aspect)).to(shown)
    along = torch.linspace(0.1, 0.9, ALONG, device=shown.device)[:, None]
    line = torch.lerp(at[:, one, None], at[:, other, None], along)
    with torch.inference_mode():
        upon = functional.grid_sample(shown[:, None], line, align_corners=False)[:, 0]
    return np.asarray(upon.mean((0, 2)).double().cpu().numpy())


def skeleton_text(points: int, joined: Sequence[tuple[int, int]]) -> str:
    """The card's table: names and colours of the landmarks, and their limbs."""
    names = [name_of(n, points) for n in range(points)]
    rows = []
    for n, name in enumerate(names):
        red, green, blue = (round(255 * c) for c in colorsys.hsv_to_rgb(n / points, 0.85, 1.0))
        rows.append(
            f'    {{ name = "{name}", sigma = {SIGMA}, colour = [{red}, {green}, {blue}] }},\n'
        )
    edges = "".join(f'    ["{names[one]}", "{names[other]}"],\n' for one, other in joined)
    return f"[skeleton]\nkeypoints = [\n{''.join(rows)}]\nlimbs = [\n{edges}]\n"


def name_of(landmark: int, points: int) -> str:
    """Numbers of one length, which sort as they count."""
    return f"landmark_{landmark:0{len(str(points - 1))}d}"
