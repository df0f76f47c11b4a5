"""Hands, faces and feet of people, by networks that see what the pictures show."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.decoders.crop_decoder import CropDecoder
from engines.decoders.parts import FaceMesh, FaceMeshDecoder, HandDecoder
from engines.models.card import load_card
from engines.parts.boxes import face_boxes, hand_boxes
from engines.parts.opening import parts_opener
from engines.parts.part_crops import PartCrops
from engines.parts.part_network import PartNetwork
from engines.parts.parts_look import PartsLook
from engines.types.arrays import Arrays, Floats, Image
from engines.types.errors import CardError
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_groups import core_of, fitted, with_groups
from tests.engines.parts.hands import COCO, body, flat_hand, moved

SIZE = (640, 480)
WHOLE = with_groups(COCO, ("left_hand", "right_hand", "face"))


class LampNetwork:
    """Sees a part of known shape whose keypoint 0 is a lamp, wherever in the crop that shines.

    shape: (K, 2) crop pixels about the lamp. Without a lamp nothing is there.
    """

    depth = 1

    def __init__(
        self, shape: Floats, presence: str = "presence", logit: float | None = None
    ) -> None:
        self.crops: list[int] = []
        self._shape = shape
        self._logit = logit
        self.closed = False

    def submit(self, pictures: Sequence[Image]) -> None:
        self.crops.append(len(pictures))
        self._pictures = [picture.copy() for picture in pictures]

    def result(self) -> list[Arrays]:
        return [self._seen(picture) for picture in self._pictures]

    def _seen(self, picture: Image) -> Arrays:
        red = picture[..., 2].astype(float)
        shines = red.max() > 60
        y, x = np.unravel_index(red.argmax(), red.shape)
        points = np.zeros((len(self._shape), 3), np.float32)
        points[:, :2] = self._shape + np.array([x, y]) + 0.5
        if self._logit is None:
            sure = np.array([0.95 if shines else 0.02], np.float32)
            return {"points": points.ravel(), "presence": sure, "right": sure}
        logit = np.full((1, 1, 1), self._logit if shines else -self._logit, np.float32)
        return {"points": points.reshape(1, 1, -1), "presence": logit}

    def close(self) -> None:
        self.closed = True


def hand_parts(network: LampNetwork, budget: float | None = None) -> PartCrops:
    decoder = load_card("mediapipe-hand").decoder
    assert isinstance(decoder, HandDecoder)
    return PartCrops(PartNetwork(network, decoder), hand_boxes, budget)


def picture(*lamps: tuple[int, int]) -> Image:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for lamp in lamps:
        cv2.circle(image, lamp, 2, (0, 0, 255), -1)
    return image


def together(*people: Poses) -> Poses:
    return Poses(
        people[0].skeleton,
        np.concatenate([one.xy for one in people]),
        np.concatenate([one.score for one in people]),
        np.concatenate([one.person_score for one in people]),
    )


RIGHT_ARM = body(right_shoulder=(300, 60), right_elbow=(300, 160), right_wrist=(300, 260))


def test_hand_is_found_in_picture_pixels_and_the_body_stays() -> None:
    """One arm, hanging down; the network knows hands whose fingers point up in the crop."""
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    [whole] = look.look([picture((302, 262))], [RIGHT_ARM])
    np.testing.assert_array_equal(core_of(whole).xy, RIGHT_ARM.xy)
    hand = whole.xy[0, list(WHOLE.right_hand)]
    np.testing.assert_allclose(hand[0], (302, 262), atol=1.5)
    assert (hand[9:13, 1] > 270).all()  # fingers point down in the picture
    np.testing.assert_allclose(whole.score[0, list(WHOLE.right_hand)], 0.95)
    assert not whole.found[0, list(WHOLE.left_hand)].any()
    assert not whole.found[0, list(WHOLE.face)].any()
    look.close()
    assert network.closed


def test_all_hands_of_all_cameras_are_one_batch() -> None:
    """And one more for the hands' own crops, as nothing is known from before."""
    other = body(left_elbow=(100, 160), left_wrist=(100, 260),
                 right_elbow=(500, 160), right_wrist=(500, 260))  # fmt: skip
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    people = [together(RIGHT_ARM, other), Poses.nobody(COCO), RIGHT_ARM]
    images = [picture((302, 262), (501, 262)), picture(), picture((298, 262))]
    first, nobody, last = look.look(images, people)
    assert network.crops == [4, 3]
    right = WHOLE.right_hand[0]
    np.testing.assert_allclose(first.xy[:, right], [(302, 262), (501, 262)], atol=1.5)
    assert not first.found[1, list(WHOLE.left_hand)].any()
    assert len(nobody) == 0
    np.testing.assert_allclose(last.xy[0, right], (298, 262), atol=1.5)


def test_crop_follows_the_hand_and_falls_back_to_the_arm() -> None:
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    [known] = look.look([picture((302, 262))], [RIGHT_ARM])
    network.crops.clear()
    [again] = look.look([picture((306, 264))], [RIGHT_ARM], [known])
    assert network.crops == [1]
    np.testing.assert_allclose(again.xy[0, WHOLE.right_hand[0]], (306, 264), atol=1.5)
    # What was expected far too small does not show the lamp; the arm's crop does.
    hand = moved(flat_hand() * 6, 330, 260)
    known.xy[0, list(WHOLE.right_hand)] = hand
    network.crops.clear()
    [found] = look.look([picture((302, 262))], [RIGHT_ARM], [known])
    assert network.crops == [1, 1]
    np.testing.assert_allclose(found.xy[0, WHOLE.right_hand[0]], (302, 262), atol=1.5)


def test_a_hand_that_is_not_there_is_sought_now_and_then() -> None:
    """Of somebody who was there before, in every third set; of somebody new at once."""
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    [known] = look.look([picture()], [RIGHT_ARM])
    assert network.crops == [1]
    for _ in range(6):
        [known] = look.look([picture()], [RIGHT_ARM], [known])
    assert network.crops == [1] * 3
    found = 0
    for _ in range(3):  # it comes, and is seen within three sets
        [known] = look.look([picture((302, 262))], [RIGHT_ARM], [known])
        found += int(known.found[0, WHOLE.right_hand[0]])
    assert found >= 1


def test_no_hand_where_no_lamp_shines_and_nothing_is_cropped_without_an_arm() -> None:
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    [dark] = look.look([picture()], [RIGHT_ARM])
    assert not dark.found[0, 17:].any()
    network.crops.clear()
    [armless] = look.look([picture((302, 262))], [body(right_wrist=(300, 260))])
    assert network.crops == []
    assert not armless.found[0, 17:].any()


def test_what_lies_beyond_the_picture_is_left_out() -> None:
    """Fingers beyond the edge alone; a hand that is mostly beyond it altogether."""
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network))
    low = body(right_shoulder=(300, 245), right_elbow=(300, 345), right_wrist=(300, 445))
    [cut] = look.look([picture((300, 445))], [low])
    hand = cut.xy[0, list(WHOLE.right_hand)]
    assert 0 < np.isnan(hand[:, 0]).sum() <= 10
    assert np.nanmax(hand[:, 1]) <= 479.5
    lower = body(right_shoulder=(300, 275), right_elbow=(300, 375), right_wrist=(300, 474))
    [gone] = look.look([picture((300, 474))], [lower])
    assert not gone.found[0, 17:].any()


def test_within_a_budget_hands_take_turns() -> None:
    """However little time there is, a hand is looked at in each set."""
    arms = [
        body(right_elbow=(60 + 130 * n, 100), right_wrist=(60 + 130 * n, 220 - 10 * n))
        for n in range(4)
    ]
    lamps = picture(*[(60 + 130 * n, 220 - 10 * n) for n in range(4)])
    look = PartsLook(WHOLE, hand_parts(LampNetwork(flat_hand() * 60), budget=1e-9))
    at = list(WHOLE.right_hand)
    [found] = look.look([lamps], [together(*arms)])  # nothing is known of the time yet
    assert found.found[:, at].any(axis=1).all()
    seen = np.zeros((8, 4), int)
    for turn in range(8):
        [found] = look.look([lamps], [together(*arms)])
        seen[turn] = found.found[:, at].any(axis=1)
    assert (seen.sum(axis=1) == 1).all()
    assert (seen[:4].sum(axis=0) == 1).all()
    assert (seen[4:].sum(axis=0) == 1).all()
    assert look.seconds["hands"] > 0


def test_within_a_budget_a_hand_that_is_lost_is_sought_by_its_arm_at_its_next_turn() -> None:
    """No set costs two looks at it, neither when it is lost nor when it was found by its arm."""
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network, budget=1.0))
    [known] = look.look([picture((302, 262))], [RIGHT_ARM])
    at = list(WHOLE.right_hand)
    assert network.crops == [1]
    stray = moved(flat_hand() * 6, 330, 260)  # shows no lamp
    known.xy[0, at] = stray
    found = []
    for _ in range(3):
        [whole] = look.look([picture((302, 262))], [RIGHT_ARM], [known])
        found.append(bool(whole.found[0, at[0]]))
    assert network.crops == [1] * 4
    assert found == [False, True, False]


@pytest.mark.parametrize(("budget", "looks"), [(None, 18), (1e-9, 2)])
def test_within_a_budget_feet_that_were_not_found_wait(budget: float | None, looks: int) -> None:
    """They could not be helped by optical flow either; in files everybody is looked at."""

    class Nothing:
        depth, asked = 1, 0

        def submit(self, pictures: Sequence[Image]) -> None:
            self.asked += len(pictures)

        def result(self) -> list[Arrays]:
            return [{"points": np.zeros(195, np.float32), "flag": np.zeros(1, np.float32)}]

        def close(self) -> None: ...

    card, network = load_card("blazepose-full"), Nothing()
    assert isinstance(card.decoder, CropDecoder)
    whole, leg = with_groups(COCO, ("feet",)), {"left_knee": (300, 100), "left_ankle": (300, 200)}
    known = fitted(body(left_hip=(300, 20), right_hip=(340, 20), **leg), whole)
    feet = PartNetwork(network, card.decoder), card.crop
    look = PartsLook(whole, feet=feet, budget=budget)
    for _ in range(2):  # nothing is known of the time yet
        look.look([picture()], [core_of(known)])
    network.asked = 0
    for _ in range(18):
        look.look([picture()], [core_of(known)], [known])
    assert network.asked == looks


def test_within_a_budget_a_hand_that_is_sought_has_as_many_turns_as_one_that_is_found() -> None:
    trunk = {"left_shoulder": (420, 60), "left_elbow": (420, 160), "left_wrist": (420, 260)}
    both = body(right_elbow=(300, 160), right_wrist=(300, 260), **trunk)
    network = LampNetwork(flat_hand() * 60)
    look = PartsLook(WHOLE, hand_parts(network, budget=1e-9))
    known, seen = None, 0
    for turn in range(20):
        if turn == 2:  # what takes turns: the first set warms up, the second tells the time
            network.crops.clear()
            seen = 0
        [found] = look.look([picture((302, 262))], [both], known and [known])
        right = found.found[0, WHOLE.right_hand[0]]
        known = found if right or known is None else known
        seen += int(right)
    assert sum(network.crops) == 12
    assert seen == 6


def test_a_hand_has_gone_where_its_wrist_has() -> None:
    """A crop where it was, half a hand away, would not show it: one look at it is enough."""
    trunk = {"right_shoulder": (300, 60), "left_shoulder": (420, 60), "left_hip": (400, 300)}
    network = LampNetwork(flat_hand() * 40)
    look = PartsLook(WHOLE, hand_parts(network), budget=1.0)
    before, now = (
        body(right_elbow=(300, 160), right_wrist=wrist, **trunk)
        for wrist in ((300, 260), (330, 255))
    )
    [known] = look.look([picture((302, 262))], [before])
    network.crops.clear()
    [found] = look.look([picture((332, 257))], [now], [known])
    assert network.crops == [1]
    gone = (found.xy - known.xy)[0, WHOLE.right_hand[0]]
    np.testing.assert_allclose(gone, (30, -5), atol=1)


def test_faces_are_found_by_the_eyes() -> None:
    """The lamp is between the eyes; a face's keypoints lie about it as the network says."""
    card = load_card("mediapipe-face")
    assert isinstance(card.decoder, FaceMeshDecoder)
    assert isinstance(card.decoder.settings, FaceMesh)
    mesh = np.zeros((468, 2), np.float32)
    eyes = {"right": -28.0, "left": 28.0}
    for name, some in zip(card.skeleton.keypoints, card.decoder.settings.vertices, strict=True):
        side, _, rest = name.partition("_")
        if rest.startswith(("eye_", "upper_lid", "lower_lid")):
            mesh[list(some), 0] = eyes[side]
        elif rest == "jaw_1":  # as wide as a face that fills its crop
            mesh[list(some), 0] = {"right": -64, "left": 64}[side]
    head = body(right_eye=(290, 100), left_eye=(310, 100))
    network = LampNetwork(mesh, logit=3.0)
    look = PartsLook(WHOLE, None, PartCrops(PartNetwork(network, card.decoder), face_boxes))
    [whole] = look.look([picture((300, 100))], [head])
    face = whole.xy[0, list(WHOLE.face)]
    np.testing.assert_allclose(face[36:42].mean(0), (290, 100), atol=2.5)
    np.testing.assert_allclose(face[42:48].mean(0), (310, 100), atol=2.5)
    np.testing.assert_allclose(whole.score[0, list(WHOLE.face)], 1 / (1 + np.exp(-3)), rtol=1e-5)
    [dark] = look.look([picture()], [head])
    assert not dark.found[0, 17:].any()


def test_parts_that_bodies_have_no_joints_for_are_refused() -> None:
    with pytest.raises(CardError, match=r"--face needs bodies with left_eye, right_eye, .* mpi15"):
        parts_opener({"face"}, named_skeleton("mpi15"))


def test_parts_that_a_model_finds_itself_need_no_other_network() -> None:
    assert parts_opener({"hands", "feet"}, named_skeleton("coco133")) is None
    assert parts_opener({"feet"}, named_skeleton("body25")) is None


def test_mediapipes_networks_see_the_team_of_a_photo(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COCO-WholeBody's labels of ten people, from their labelled bodies: faces of 22 to 39 px."""
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    labels = json.loads((data / "parts" / "coco-wholebody" / "on_our_images.json").read_text())
    team = [one for one in labels["annotations"] if one["image_id"] == 1000]
    listed = json.loads((data / "coco-dev" / "person_keypoints.json").read_text())["annotations"]
    bodies = {one["id"]: one["keypoints"] for one in listed}
    triples = np.array([bodies[one["our_id"]] for one in team], np.float32).reshape(-1, 17, 3)
    known = triples[..., 2] > 0
    xy = np.where(known[..., None], triples[..., :2], np.float32(np.nan))
    people = Poses(COCO, xy, known.astype(np.float32), np.ones(len(team), np.float32))
    opener = parts_opener({"hands", "face", "feet"}, COCO)
    assert opener is not None
    look = opener()
    image = cv2.imread(str(data / "coco-dev" / "images" / "000000001000.jpg"))
    assert image is not None
    [whole] = look.look([image], [people])
    look.close()
    skeleton, off = opener.skeleton, []
    for row, one in enumerate(team):
        if one["face_valid"]:
            truth = np.array(one["face_kpts"]).reshape(-1, 3)[:, :2]
            apart = np.linalg.norm(truth[36] - truth[45])
            gaps = np.linalg.norm(whole.xy[row, list(skeleton.face[:68])] - truth, axis=1)
            off.append(gaps.mean() / apart)
    assert np.sum(np.array(off) < 0.09) >= 7, off  # of the distance between the eyes
    hands = whole.found[:, [skeleton.left_hand[0], skeleton.right_hand[0]]]
    assert hands.sum() >= 10
    heels = [skeleton.keypoints.index(f"{side}_heel") for side in ("left", "right")]
    assert whole.found[:, heels].sum() >= 4
