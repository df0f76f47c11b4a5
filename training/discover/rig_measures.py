"""How well several views of a rig agree on landmarks in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from engines.networks.landmarks import sureness
from engines.types.arrays import Doubles
from training.data.errors import TrainingError
from training.discover.learner import Learner
from training.discover.space import kabsch, together, turn_between

AT_ONCE = 16  # instants


@dataclass(frozen=True, slots=True)
class RigMeasures:
    """disagreement: metres from where a view puts a landmark to the mean of all. each: of each
    landmark, pixels of the network's pictures to its triangulated place. turn: degrees, the
    median error of the relative rotation of two views that Kabsch finds from their landmarks in
    their own axes (KeypointNet, section 4.1).
    """

    disagreement: float
    each: tuple[float, ...]
    turn: float

    @property
    def reprojection(self) -> float:
        """Pixels, of all landmarks."""
        return float(np.mean(self.each))


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks3D:
    """mean: (F, K, 3) metres, what the views say, weighted (Keypoint3D). local: (F, V, K, 3) what
    each says in its own axes; world: the same in the world's. triangulated: (F, K, 3) from the
    places in the pictures alone. pixels: (F, V, K, 2).
    """

    mean: Doubles
    local: Doubles
    world: Doubles
    triangulated: Doubles
    pixels: Doubles


def landmarks_3d(learner: Learner, instants: np.ndarray) -> Landmarks3D:
    """Of (F, V) pictures of the learner's clip. TrainingError where it has no rig."""
    stage, clip = learner.stage, learner.clip
    if stage is None or clip.pinholes is None:
        raise TrainingError("Landmarks in 3D need a rig.")
    means: list[Doubles] = []
    locals_: list[Doubles] = []
    worlds: list[Doubles] = []
    solved: list[Doubles] = []
    pixels: list[Doubles] = []
    for start in range(0, len(instants), AT_ONCE):
        some = instants[start : start + AT_ONCE]
        found = learner.find(clip.pictures[some.reshape(-1)])
        assert found.depth is not None
        shape = (*some.shape, learner.points)
        with torch.inference_mode():
            placed = found.xy.reshape(*shape, 2)
            agreed = stage.triangulate(placed, sureness(found.maps).reshape(shape))
            local = stage.local(placed, found.depth.reshape(shape))
            world = stage.to_world(local)
            mean = together(world, found.logits.amax((2, 3)).reshape(shape))
        xy = found.xy.reshape(*shape, 2).double().cpu().numpy()
        pixels.append((xy + 1) / 2 * np.array(clip.size) - 0.5)
        every = (means, mean), (locals_, local), (worlds, world), (solved, agreed)
        for kept, one in every:
            kept.append(one.double().cpu().numpy())
    return Landmarks3D(*map(np.concatenate, (means, locals_, worlds, solved, pixels)))


def measure_rig(learner: Learner) -> RigMeasures:
    """On the instants held back."""
    _, held = learner.clip.split()
    found, pinholes = landmarks_3d(learner, held), learner.clip.pinholes
    assert pinholes is not None
    away = np.linalg.norm(found.world - found.mean[:, None], axis=-1)
    local = np.einsum("vij,fkj->fvki", pinholes.rotation, found.triangulated)
    local += pinholes.translation[:, None]
    flat = local[..., :2] / local[..., 2:]
    focal = pinholes.matrix.diagonal(axis1=1, axis2=2)[:, None, :2]
    off = flat * focal + pinholes.matrix[:, None, :2, 2] - found.pixels
    turns = []
    for one, other in combinations(range(held.shape[1]), 2):
        wanted = pinholes.rotation[other] @ pinholes.rotation[one].T
        for points in found.local:
            rotation, _ = kabsch(points[one], points[other])
            turns.append(turn_between(rotation, wanted))
    return RigMeasures(
        float(away.mean()),
        tuple(np.linalg.norm(off, axis=-1).mean((0, 1)).tolist()),
        float(np.median(turns)),
    )
