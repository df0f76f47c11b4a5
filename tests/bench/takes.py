"""Memory and time of the files of long takes, made of their journal: python -m tests.bench.takes

    python -m tests.bench.takes [--hours 1 4] [--people 2] [--skeleton body25] [--only trc]

Writes a journal as a run at 30 fps does, with people who walk in circles and keypoints that are
missing now and then, and makes each kind of file of it by `posestream recover` in a process of its
own, whose greatest resident memory and processor time it prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calibration.files.rig_toml import rig_toml
from engines.types.skeleton import Skeleton, named_skeleton
from realtime.mocap.journal import Head, begin_journal
from realtime.types.results import Poses3D
from tests.bodies import body
from tests.calibration.cameras import ring
from tests.conftest import ROOT

FPS = 30
LAP = 300  # instants after which a walk begins anew
KINDS = ("trc", "c3d", "bvh")


def laps(skeleton: Skeleton, people: int) -> Iterator[Poses3D]:
    """The instants of a lap; people as far apart as they are many."""
    rng = np.random.default_rng(0)
    ids = np.arange(people)
    for n in range(LAP):
        turn = 2 * np.pi * n / LAP
        xyz = np.stack(
            [
                body(
                    ((1 + k) * np.cos(turn), (1 + k) * np.sin(turn)),
                    heading=turn + np.pi / 2,
                    phase=8 * turn + k,
                    skeleton=skeleton,
                )
                for k in range(people)
            ]
        ).astype(np.float32)
        xyz[rng.random(xyz.shape[:2]) < 0.02] = np.nan
        error = np.where(np.isnan(xyz[..., 0]), np.nan, 2.0).astype(np.float32)
        seen = np.where(np.isnan(error), 0, 4)
        views = np.zeros((people, 4), np.int64)
        yield Poses3D(skeleton, ids, xyz, error, seen, np.isnan(error) & False, views)


def journal(folder: Path, hours: float, people: int, skeleton: Skeleton) -> Path:
    """Of a run of so many hours."""
    head = Head(skeleton, FPS, rig_toml(ring(4, radius=5)), ())
    path, written = begin_journal(folder / "walk.takes", head)
    instants = [*laps(skeleton, people)]
    for n in range(round(hours * 3600 * FPS)):
        written.add(n / FPS, instants[n % LAP])
    written.file.close()
    return path


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    ask.add_argument("--people", type=int, default=2)
    ask.add_argument("--skeleton", default="body25")
    ask.add_argument("--only", choices=KINDS)
    args = ask.parse_args()
    print("| hours | people | journal | file | written | most memory | processor time |")
    print("|---|---|---|---|---|---|---|")
    for hours in args.hours:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            path = journal(folder, hours, args.people, named_skeleton(args.skeleton))
            for kind in KINDS if args.only is None else (args.only,):
                command = [sys.executable, "-m", "posestream", "recover", str(path)]
                command += [f"--{kind}", str(folder / f"walk.{kind}")]
                process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                made = [*folder.glob(f"walk*.{kind}")]
                size = sum(one.stat().st_size for one in made) / 1e6
                seconds = used.ru_utime + used.ru_stime
                print(
                    f"| {hours:g} | {args.people} | {path.stat().st_size / 1e6:.0f} MB | {kind} | "
                    f"{size:.0f} MB in {len(made)} | {used.ru_maxrss / 1e3:.0f} MB | "
                    f"{seconds:.0f} s |"
                    + ("" if process.returncode == 0 else f" exit code {process.returncode}"),
                    flush=True,
                )
                for one in made:
                    one.unlink()


if __name__ == "__main__":
    main()
