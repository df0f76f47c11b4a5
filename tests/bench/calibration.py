"""How near rigs from people come to the truth: Shelf's keypoints, and people made up.

Usage: python -m tests.bench.calibration
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from calibration.files.rig_toml import read_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.extrinsics import locate_lenses, locate_people
from calibration.people.observations import Crowd
from calibration.people.scale_and_floor import height
from realtime.footage.people_footage import FootageOptions, watch
from tests.bodies import BODY25
from tests.calibration.cameras import ring
from tests.calibration.walking import Walk, aligned, hidden
from tests.conftest import DATA

SEEDS = 5
WALKS = (
    (3, Walk()),
    (6, Walk(people=5)),
    (4, Walk(noise=8, missing=0.3)),
    (4, Walk(people=1, instants=200)),
    (4, Walk(people=4, false=0.5, switches=5)),
)


def measure(
    name: str,
    crowds: Sequence[Crowd],
    truth: Rig,
    keypoints: Sequence[str],
    *,
    guessed: bool = False,
) -> None:
    began = time.process_time()
    try:
        found = (locate_lenses if guessed else locate_people)(hidden(truth), crowds)
    except CalibrationError as error:
        print(f"{name}: {error}")
        return
    seconds = time.process_time() - began
    turned, moved = aligned(found.rig, truth)
    true, ours = (np.linalg.norm(one.centres[0] - one.centres[-1]) for one in (truth, found.rig))
    print(
        f"{name}: rotations within {turned.max():.2f} degrees (mean {turned.mean():.2f}), "
        f"positions within {moved.max():.2%} (mean {moved.mean():.2%}) of the largest distance; "
        f"RMS {found.rms:.1f} px; people {height(found.xyz, keypoints) * true / ours:.2f} m tall "
        f"by the true scale; {seconds:.0f} s of processor time"
    )
    if found.uncertainty is not None:
        off = found.rig.focals[:, 0] / truth.focals[:, 0] - 1
        print(
            f"  focal lengths within {np.abs(off).max():.1%}; said are "
            f"{found.uncertainty.focal.max():.1%}, "
            f"{np.degrees(found.uncertainty.turns.max()):.1f} degrees, "
            f"{found.uncertainty.moves.max():.1%}"
        )


def main() -> None:
    folder = DATA / "shelf-dev"
    if folder.is_dir():
        truth = read_rig(folder / "rig.toml")
        seen = watch([str(folder / f"cam{n}") for n in range(5)], truth.cameras, FootageOptions())
        measure("Shelf", seen.crowds, truth, seen.keypoints)
        measure("Shelf, lenses unknown", seen.crowds, truth, seen.keypoints, guessed=True)
    for views, walk in WALKS:
        truth = ring(views, radius=5.0)
        for seed in range(SEEDS):
            own = Walk(**{**vars(walk), "seed": seed})
            name = f"{views} cameras, {own}"
            measure(name, own.crowds(truth), truth, BODY25.keypoints)


if __name__ == "__main__":
    main()
