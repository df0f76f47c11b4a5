"""The floor on which the people of a take stand."""

from __future__ import annotations

import json

import numpy as np

from calibration.geometry.camera import Rig
from realtime.multiview.floor import MAX_STEPS, Ground
from realtime.studio.take_card import TakeCard
from realtime.studio.take_lines import TakeLines
from realtime.studio.take_results import poses3d_of


def floor_of(card: TakeCard, lines: TakeLines, rig: Rig) -> float:
    """Metres along the axis of the rig's world that is up: 0, the world's own, unless people stand
    elsewhere, as in a run. Frames from all of the take tell.
    """
    ground, floor = Ground(rig, card.skeleton), 0.0
    first, end = card.span
    for n in np.unique(np.linspace(first, end - 1, min(end - first, MAX_STEPS)).astype(int)):
        space = json.loads(lines.instants(n, n + 1)[0][0]).get("space")
        if space:
            floor = ground.update(poses3d_of(card, space)) or 0.0
    return floor
