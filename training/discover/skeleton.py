"""The skeleton of discovered landmarks, as a card has it."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import torch
from torch.nn import functional

from engines.types.arrays import Doubles
from training.discover.edges import limbs_of, rigidity
from training.discover.learner import Learner

SIGMA = 0.05  # of the OKS: nobody has measured how exactly people would place landmarks


def limbs(learner: Learner, xy: Doubles) -> list[tuple[int, int]]:
    """From the edges that were learnt, else from the distances that last over (P, K, 2) places."""
    weights = learner.decoder.edges
    if weights is None:
        return limbs_of(rigidity(xy), learner.points, learnt=False)
    with torch.inference_mode():
        strength = functional.softplus(weights).double().cpu().numpy()
    return limbs_of(strength, learner.points, learnt=True)


def skeleton_text(points: int, pairs: Sequence[tuple[int, int]]) -> str:
    """The card's table: names and colours of the landmarks, and their limbs."""
    names = [name_of(n, points) for n in range(points)]
    rows = []
    for n, name in enumerate(names):
        red, green, blue = (round(255 * c) for c in colorsys.hsv_to_rgb(n / points, 0.85, 1.0))
        rows.append(
            f'    {{ name = "{name}", sigma = {SIGMA}, colour = [{red}, {green}, {blue}] }},\n'
        )
    edges = "".join(f'    ["{names[one]}", "{names[other]}"],\n' for one, other in pairs)
    return f"[skeleton]\nkeypoints = [\n{''.join(rows)}]\nlimbs = [\n{edges}]\n"


def name_of(landmark: int, points: int) -> str:
    """Numbers of one length, which sort as they count."""
    return f"landmark_{landmark:0{len(str(points - 1))}d}"
