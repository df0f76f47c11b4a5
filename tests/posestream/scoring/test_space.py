"""3D PCP by the rules of Shelf."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.types.skeleton import named_skeleton
from posestream.commands.files.main import main
from posestream.scoring.measures.space import space_figures

BODY25 = named_skeleton("body25").keypoints
LIMBS = (11, 10, 9, 12, 13, 14, 4, 3, 2, 5, 6, 7)  # of BODY_25, as Shelf has its first twelve


def person(feet: tuple[float, float]) -> np.ndarray:
    """(14, 3) upright, 1.7 m."""
    leg, arm = [0, 0.45, 0.9], [0.9, 1.15, 1.4]
    half = np.array(
        [
            *((0.1, 0, z) for z in leg),
            *((-0.1, 0, z) for z in reversed(leg)),
            *((0.2, 0, z) for z in arm),
            *((-0.2, 0, z) for z in reversed(arm)),
            *((0, 0, 1.45), (0, 0, 1.7)),
        ]
    )
    return half + np.array([*feet, 0])


def test_a_part_is_right_up_to_half_its_length() -> None:
    """The mean of both ends' errors counts: a forearm of 0.25 m, its wrist 0.24 and 0.26 m off."""
    truth = person((0, 0))
    for off, right in ((0.24, 1.0), (0.26, 0.0)):
        pose = truth.copy()
        pose[6, 1] += off
        figures = space_figures([{0: truth}], [[person((3, 0)), pose]])
        assert figures["PCP3D"]["right forearm"] == right
        assert figures["PCP3D"]["actor 1"] == pytest.approx((9 + right) / 10)
        assert figures["MPJPE"]["mm"] == pytest.approx(1000 * off / 14)
        assert figures["recall"]["within 0.5 m"] == 1


def test_who_was_not_found_is_all_wrong() -> None:
    truth = {0: person((0, 0)), 3: person((2, 0))}
    figures = space_figures([truth, truth], [[truth[0], truth[3]], []])
    assert figures["PCP3D"]["mean"] == 0.5
    assert figures["PCP3D"]["actors 1-3"] == 0.5
    assert figures["recall"]["within 0.5 m"] == 0.5


def test_figures_are_those_of_the_shelf_scorer(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The labels, disturbed, as the program's own 3D files; scored by another program as well."""
    scorer = data.parent / "tools" / "score_pcp.py"
    if not scorer.is_file():
        pytest.skip("no scorer of Shelf beside the real test data")
    labels = data / "shelf-dev" / "gt.json"
    rng = np.random.default_rng(5)
    for n, frame in enumerate(json.loads(labels.read_text())["frames"]):
        people = []
        for who, joints in frame.items():
            if rng.random() < 0.05:
                continue
            shelf = np.array(joints)[:14]
            pose = np.full((25, 4), 0.0)
            pose[list(LIMBS), :3] = shelf[:12]
            pose[0, :3] = shelf[12:].mean(axis=0) + np.array([0, 0.1, 0])
            pose[[17, 18], :3] = shelf[12:].mean(axis=0)
            pose[:, :3] += rng.normal(0, 0.07, (25, 3))
            known = [*LIMBS, 0, 17, 18]
            pose[known, 3] = rng.random(len(known)) > 0.05
            flat = (pose * (pose[:, 3:] > 0)).ravel().tolist()
            people.append({"person_id": [int(who)], "pose_keypoints_3d": flat})
        path = tmp_path / f"rig_{n:012d}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))
    said = subprocess.run(
        [sys.executable, str(scorer), str(labels), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    want = float(said.split("PCP ")[1].split()[0])
    assert 50 < want < 99
    out = tmp_path / "figures.json"
    assert main(["score", str(labels), str(tmp_path), "-o", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert 100 * figures["PCP3D"]["actors 1-3"] == pytest.approx(want, abs=0.005)
    assert f"{want:.1f} %" in capsys.readouterr().out
