"""The program with --whole-body on a real clip: what it writes of hands, face and feet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.types.errors import WeightsError
from realtime.assembly import stream
from tests.conftest import ROOT
from tests.realtime.wanted import settings

LIGHTNING = str(ROOT / "tests" / "cards" / "movenet-lightning.toml")


def test_a_clip_gives_openposes_arrays(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person before a webcam, who shows the left hand: COCO-18's body comes as BODY_25."""
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    clip = data / "video" / "webcam-want.mkv"
    wanted = settings(
        str(clip),
        whole_body=True,
        model="pafnet",
        refine=LIGHTNING,
        start=10,
        end=13,
        json=tmp_path / "json",
        stats=tmp_path / "stats.json",
    )
    results = list(stream(wanted))
    assert len(results) == 3
    seen = {"hand_left_keypoints_2d": 0, "hand_right_keypoints_2d": 0, "face_keypoints_2d": 0}
    for path in sorted((tmp_path / "json").glob("*.json")):
        for person in json.loads(path.read_text())["people"]:
            body = np.array(person["pose_keypoints_2d"]).reshape(25, 3)
            for name, count in zip(seen, (21, 21, 70), strict=True):
                part = np.array(person[name]).reshape(count, 3)
                seen[name] += bool(part[:, 2].any())
                wrist = {"hand_left_keypoints_2d": 7, "hand_right_keypoints_2d": 4}.get(name)
                if wrist is not None and part[0, 2]:
                    shoulder, elbow = body[wrist - 2, :2], body[wrist - 1, :2]
                    arm = np.linalg.norm(body[wrist, :2] - elbow) + np.linalg.norm(elbow - shoulder)
                    assert np.linalg.norm(part[0, :2] - body[wrist, :2]) < 0.3 * arm
            face = np.array(person["face_keypoints_2d"]).reshape(70, 3)
            if face[0, 2]:
                assert np.linalg.norm(face[69, :2] - body[16, :2]) < 20  # left pupil, left eye
    assert seen["face_keypoints_2d"] == 3
    hands = seen["hand_left_keypoints_2d"] + seen["hand_right_keypoints_2d"]
    assert hands >= 2
    figures = json.loads((tmp_path / "stats.json").read_text())
    assert figures["model"]["parts"] == {
        "hands": "mediapipe-hand",
        "face": "mediapipe-face",
        "feet": "blazepose-full",
    }
    told = {part: one["seen"] + one["carried"] for part, one in figures["parts"].items()}
    assert (told["hands"], told["face"]) == (hands, 3)
    for part in ("hands", "face"):
        assert 0 < figures["parts"][part]["seconds"]["mean"] < figures["stages"]["people"]["mean"]


def test_without_weights_one_sentence_names_them(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    clip = str(data / "video" / "webcam-want.mkv")
    with pytest.raises(WeightsError, match=r"hand_landmark_full\.tflite") as caught:
        list(stream(settings(clip, hands=True, model="pafnet", refine="off")))
    assert "\n" not in str(caught.value)
