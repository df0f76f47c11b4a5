"""Heads that are turned: where their faces are cropped, and which faces are believed."""

import numpy as np
import pytest

from engines.parts.faces import Heads
from engines.parts.part_crops import Found
from engines.types.arrays import Floats
from engines.types.poses import Poses
from tests.engines.parts.hands import COCO, body, moved

SIZE = (192, 192)
# Metres to the person's left, down and to the front of the middle of the eyes.
HEAD = {
    "nose": (0, 0.035, 0.035),
    "left_eye": (0.0325, 0, 0),
    "right_eye": (-0.0325, 0, 0),
    "left_ear": (0.075, 0.01, -0.1),
    "right_ear": (-0.075, 0.01, -0.1),
}
CHIN, BROW = np.array([0, 0.11, 0.0]), np.array([0, -0.02, 0.0])
PIXELS = 600.0  # a metre: 39 between the eyes


def seen(point: tuple[float, float, float] | np.ndarray, yaw: float, roll: float) -> np.ndarray:
    """Where a far camera sees a point of a head at (300, 200) that looks towards its left."""
    x, y, z = point
    across = x * np.cos(yaw) + z * np.sin(yaw)
    cos, sin = np.cos(roll), np.sin(roll)
    return PIXELS * np.array([across * cos - y * sin, across * sin + y * cos]) + (300, 200)


def head(yaw: float, roll: float = 0.0, hidden: tuple[str, ...] = ()) -> Poses:
    points = {name: seen(at, yaw, roll) for name, at in HEAD.items() if name not in hidden}
    return body(**{name: (float(x), float(y)) for name, (x, y) in points.items()})


def face(yaw: float, roll: float = 0.0) -> Floats:
    """(70, 2) with eyes, brows and chin where such a head has them."""
    out = np.repeat(seen(HEAD["nose"], yaw, roll)[None], 70, axis=0)
    out[36:42], out[42:48] = (seen(HEAD[f"{side}_eye"], yaw, roll) for side in ("right", "left"))
    out[17:27], out[8] = seen(BROW, yaw, roll), seen(CHIN, yaw, roll)
    return out.astype(np.float32)


def nobody_knows(people: int = 1) -> tuple[Floats, np.ndarray]:
    return np.full((people, 70, 2), np.nan, np.float32), np.zeros(people, bool)


@pytest.mark.parametrize("degrees", [65, 80, 90])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("guessed", [False, True])
def test_a_head_in_profile_is_cropped_by_the_side_that_is_seen(
    degrees: float, side: str, guessed: bool
) -> None:
    """Whether the body's network leaves the hidden eye out or guesses it: the same crop, level,
    with everything from nose to ear in it, and as large as if the head were not turned.
    """
    yaw, roll = np.radians(degrees) * (1 if side == "right" else -1), np.radians(20)
    other = "left" if side == "right" else "right"
    hidden = () if guessed else (f"{other}_eye", f"{other}_ear")
    crops, ok = Heads.of(head(yaw, roll, hidden)).wanted(*nobody_knows(), SIZE).first
    assert ok.all()
    assert crops.extent[0, 0] == pytest.approx(3.4 * 0.065 * PIXELS, rel=0.2)
    assert np.degrees(crops.angle[0]) == pytest.approx(20, abs=8)
    inside = np.stack([seen(HEAD[name], yaw, roll) for name in ("nose", f"{side}_ear")])
    at = crops.to_crop(inside[None].astype(np.float32))[0]
    assert (at > 5).all()
    assert (at < 187).all()
    assert at.mean(axis=0)[0] == pytest.approx(95.5, abs=6)


def test_a_head_that_looks_ahead_is_cropped_by_its_eyes_whatever_its_ears_say() -> None:
    people = head(0.0)
    straight, _ = Heads.of(people).wanted(*nobody_knows(), SIZE).first
    people.xy[0, COCO.keypoints.index("left_ear")] = (900, 200)  # that is somebody else's
    stray, _ = Heads.of(people).wanted(*nobody_knows(), SIZE).first
    np.testing.assert_allclose(stray.centre, straight.centre)
    np.testing.assert_allclose(stray.extent, 3.4 * 0.065 * PIXELS, rtol=1e-5)


def test_one_eye_alone_gives_no_crop() -> None:
    lone = body(right_eye=(300, 200))
    assert not Heads.of(lone).wanted(*nobody_knows(), SIZE).first[1].any()


def test_the_back_of_a_head_and_a_tiny_face_give_no_crop() -> None:
    """Ears alone; eyes so near each other that the crop has less than twelve pixels."""
    behind = body(right_ear=(290, 200), left_ear=(310, 200))
    tiny = body(right_eye=(300, 200), left_eye=(303.4, 200))
    near = body(right_eye=(300, 200), left_eye=(303.6, 200))
    cropped = [
        bool(Heads.of(one).wanted(*nobody_knows(), SIZE).first[1][0])
        for one in (behind, tiny, near)
    ]
    assert cropped == [False, False, True]


def test_in_profile_the_face_must_have_the_eye_that_is_seen() -> None:
    yaw = np.radians(70)
    heads = Heads.of(head(yaw, hidden=("left_eye", "left_ear")))

    def accepted(xy: Floats, presence: float = 0.9) -> bool:
        one = np.full(1, presence, np.float32)
        return bool(heads.accepted(Found(xy[None], one, one))[0])

    assert accepted(face(yaw))
    assert accepted(moved(face(yaw), 10, 5))
    assert not accepted(moved(face(yaw), 25, 0))  # 0.6 eye distances
    assert not accepted(face(yaw), presence=0.0)
    assert not accepted(((face(yaw) - 300) * 3 + 300).astype(np.float32))
