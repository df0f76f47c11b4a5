"""From maps to people, on rendered scenes whose people are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.decoders.paf import PafDecoder
from engines.models.card import load_card
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.letterbox import Letterbox
from engines.types.oks import expected_oks
from engines.types.poses import Poses
from tests import synth
from tests.synth import SKELETON, Points

CARD = load_card("human-pose-estimation-0001")
SIZE = (656, 368)
CELL = 8  # a cell of the maps in pixels
LIMIT = 0.1 * CELL


def decoder(**changes: float) -> PafDecoder:
    """The decoder of the card that users get, with some settings changed."""
    wanted = replace(CARD.decoder.settings, **changes)
    return PafDecoder(CARD.skeleton, CARD.input.stride, CARD.decoder.channels, wanted)


def decode(maps: tuple[Floats, Floats], **changes: float) -> Poses:
    """The people in maps of a picture that is as large as the network's input."""
    size = maps[0].shape[2] * CELL, maps[0].shape[1] * CELL
    one = decoder(**changes)
    return one.decode(one.candidates(*maps, Letterbox(size, size, size)))


def clear(people: list[Points], size: tuple[int, int] = SIZE) -> np.ndarray:
    """(P, K) keypoints that must be exact: no other of their type within four sigma of the
    Gaussian, none in the outermost half cells, where the peak is cut."""
    points = np.array(people).reshape(-1, len(SKELETON.keypoints), 2)
    apart = np.linalg.norm(points[:, None] - points[None], axis=3)
    apart[np.arange(len(points)), np.arange(len(points))] = np.inf
    lonely = ~(apart < 28).any(axis=1)
    inside = ((points >= CELL) & (points <= np.array(size) - 1 - CELL)).all(axis=2)
    return lonely & inside


def matched(poses: Poses, people: list[Points]) -> list[int]:
    """For every true person the found one with the most keypoints in the right place."""
    hits = [(np.abs(poses.xy - points).max(axis=2) < CELL).sum(axis=1) for points in people]
    return [int(hit.argmax()) for hit in hits]


def pieces(points: Points) -> list[Points]:
    """What can be known of somebody of whom only these keypoints are seen: what hangs together
    by limbs of the tree, or by a redundant limb where that meets a limb of the tree."""
    seen = set(np.flatnonzero(~np.isnan(points[:, 0])).tolist())
    groups: list[set[int]] = []
    for number, limb in enumerate(SKELETON.limbs):
        if seen.issuperset(limb):
            touched = [group for group in groups if group & set(limb)]
            if touched or number not in SKELETON.redundant:
                groups = [group for group in groups if not group & set(limb)]
                groups.append(set(limb).union(*touched))
    names = SKELETON.keypoints
    return [
        synth.hide(points, *(name for n, name in enumerate(names) if n not in group))
        for group in groups
        if len(group) >= CARD.decoder.settings.min_keypoints
    ]


def assert_people(
    poses: Poses, people: list[Points], limit: float = LIMIT, size: tuple[int, int] = SIZE
) -> None:
    """Exactly these people, every clear keypoint in its place and nothing but theirs."""
    assert len(poses) == len(people)
    order = matched(poses, people)
    assert sorted(order) == list(range(len(people))), "one found person for every true one"
    for points, sure, xy in zip(people, clear(people, size), poses.xy[order], strict=True):
        seen = ~np.isnan(points[:, 0])
        error = np.abs(xy - points).max(axis=1)
        names = [
            f"{name} {at} instead of {want}"
            for name, at, want, wrong in zip(
                SKELETON.keypoints, xy, points, sure & ~(error <= limit), strict=True
            )
            if wrong
        ]
        assert not names
        invented = ~seen & ~np.isnan(xy[:, 0])
        assert not invented.any(), np.array(SKELETON.keypoints)[invented]
    assert ((poses.score > 0) == poses.found).all()
    assert (np.isnan(poses.xy).any(axis=2) == ~poses.found).all()


@pytest.mark.parametrize("count", range(1, 31))
def test_everybody_in_a_crowd_is_found_where_they_are(count: int) -> None:
    people = synth.crowd(count, SIZE, np.random.default_rng(count))
    poses = decode(synth.render(people, SIZE))
    assert_people(poses, people)
    assert (np.diff(poses.person_score) <= 0).all(), "best first"


@pytest.mark.parametrize("seed", range(5))
def test_noise_makes_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = synth.crowd(8, SIZE, rng)
    assert_people(decode(synth.render(people, SIZE, noise=0.01, rng=rng)), people, 2 * LIMIT)
    assert len(decode(synth.render([], SIZE, noise=0.01, rng=rng))) == 0


@pytest.mark.parametrize("pose", synth.POSES)
def test_every_posture_is_found(pose: str) -> None:
    people = [synth.person((330.3, 181.8), 250, pose)]
    assert_people(decode(synth.render(people, SIZE)), people)


def crossings(count: int) -> list[list[Points]]:
    """Scenes of two people of whom at least one limb crosses the other's of the same type, with
    joints as far from the other's limb as a limb is wide: nearer than that nobody could tell."""
    rng = np.random.default_rng(0)
    scenes = []
    while len(scenes) < count:
        poses = rng.choice(list(synth.POSES), 2)
        people = [
            synth.person(tuple(rng.uniform((260, 170), (400, 200))), height, pose, rng)
            for height, pose in zip(rng.uniform(180, 280, 2), poses, strict=True)
        ]
        limbs = [(people[0][[a, b]], people[1][[a, b]]) for a, b in SKELETON.limbs]
        if any(intersect(*both) for both in limbs) and all(
            min(distances(one, other) + distances(other, one), default=np.inf) >= 16
            for one, other in limbs
        ):
            scenes.append(people)
    return scenes


def distances(points: Points, line: Points) -> list[float]:
    """Of two points from a line segment; none where one of the four is not seen."""
    if np.isnan(points).any() or np.isnan(line).any():
        return []
    along = line[1] - line[0]
    share = np.clip((points - line[0]) @ along / (along @ along), 0, 1)
    return np.linalg.norm(points - line[0] - share[:, None] * along, axis=1).tolist()


def intersect(one: Points, other: Points) -> bool:
    """Whether each line segment has an end on either side of the other."""

    def side(line: Points, point: Points) -> float:
        (x, y), (dx, dy) = line[1] - line[0], point - line[0]
        return x * dy - y * dx

    return all(side(a, b[0]) * side(a, b[1]) < 0 for a, b in ((one, other), (other, one)))


@pytest.mark.parametrize("people", crossings(20))
def test_people_who_cross_keep_their_own_limbs(people: list[Points]) -> None:
    assert_people(decode(synth.render(people, SIZE)), people)


def test_arms_and_legs_that_cross_in_an_x() -> None:
    one, other = synth.person((250, 180), 270), synth.person((400, 180), 270)
    elbow, wrist, knee, ankle = (
        SKELETON.keypoints.index(f"right_{part}") for part in ("elbow", "wrist", "knee", "ankle")
    )
    one[[elbow, wrist]], other[[elbow, wrist]] = [(290, 60), (350, 120)], [(350, 60), (290, 120)]
    one[[knee, ankle]], other[[knee, ankle]] = [(295, 230), (355, 300)], [(355, 230), (295, 300)]
    assert_people(decode(synth.render([one, other], SIZE)), [one, other])


@pytest.mark.parametrize("x", [325, 340, 352, 360, 380])
def test_somebody_behind_somebody_else(x: int) -> None:
    front = synth.person((300, 190), 280)
    back = synth.behind(synth.person((x, 165), 240, "arms out"), front)
    known = pieces(back)
    assert np.isnan(back[:, 0]).any()
    assert len(known) == 1
    assert_people(decode(synth.render([front, back], SIZE)), [front, *known])


def test_beyond_a_hidden_joint_nothing_is_known() -> None:
    points = synth.hide(synth.person((300, 180), 280), "right_elbow", "left_knee")
    poses = decode(synth.render([points], SIZE))
    assert_people(poses, [synth.hide(points, "right_wrist", "left_ankle")])
    missing = ~poses.found[0]
    assert np.isnan(poses.xy[0, missing]).all()
    assert (poses.score[0, missing] == 0).all()


def test_a_head_without_a_nose_is_held_by_the_redundant_limbs() -> None:
    points = synth.hide(synth.person((300, 180), 280), "nose")
    heat, pafs = synth.render([points], SIZE)
    assert_people(decode((heat, pafs)), [points])
    for limb in SKELETON.redundant:
        pafs[list(synth.CHANNELS[limb])] = 0
    head = ("left_eye", "right_eye", "left_ear", "right_ear")
    assert_people(decode((heat, pafs)), [synth.hide(points, *head)])


def test_redundant_limbs_make_nobody() -> None:
    """Both ears and both shoulders, but neither neck nor nose."""
    seen = {"left_ear", "right_ear", "left_shoulder", "right_shoulder"}
    points = synth.hide(synth.person((300, 180), 280), *set(SKELETON.keypoints) - seen)
    assert len(decode(synth.render([points], SIZE), min_keypoints=2, min_confidence=0)) == 0


@pytest.mark.parametrize(
    ("x", "y", "count"), [(20, 180, 1), (640, 180, 1), (330, 0, 0), (330, 360, 1), (655, 330, 1)]
)
def test_people_cut_by_the_border(x: int, y: int, count: int) -> None:
    whole = synth.person((x, y), 300, "walking")
    seen = synth.cut(whole, SIZE)
    assert 0 < np.isnan(seen[:, 0]).sum() < 18
    known = pieces(seen)
    assert len(known) == count
    poses = decode(synth.render([seen], SIZE))
    assert_people(poses, known)
    # In the outermost cells the peak is cut, and only its cell is sure.
    assert np.nanmax(np.abs(poses.xy - np.reshape(known, poses.xy.shape)), initial=0) <= CELL


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_people_says_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = synth.crowd(9, SIZE, rng)
    poses = decode(synth.render(people, SIZE))
    again = decode(synth.render([people[n] for n in rng.permutation(9)], SIZE))
    np.testing.assert_allclose(again.person_score, poses.person_score, rtol=1e-5)
    order = matched(again, list(poses.xy))
    np.testing.assert_allclose(again.xy[order], poses.xy, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_picture_has_mirrored_people(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = [*synth.crowd(7, SIZE, rng), synth.person((60 * seed + 90, 190), 300, "walking")]
    heat, pafs = synth.render(people, SIZE, noise=0.01, rng=rng)
    swap = list(SKELETON.mirror)
    mirrored = np.empty_like(pafs)
    for (a, b), (x, y) in zip(SKELETON.limbs, synth.CHANNELS, strict=True):
        from_x, from_y = synth.CHANNELS[SKELETON.limbs.index((swap[a], swap[b]))]
        mirrored[x], mirrored[y] = -pafs[from_x, :, ::-1], pafs[from_y, :, ::-1]
    poses = decode((heat, pafs))
    flipped = decode((heat[[*swap, 18], :, ::-1], mirrored))
    want = poses.xy[:, swap] * (-1, 1) + (SIZE[0] - 1, 0)
    assert len(flipped) == len(poses)
    order = matched(flipped, list(want))
    np.testing.assert_allclose(flipped.xy[order], want, atol=0.01)
    np.testing.assert_allclose(flipped.score[order], poses.score[:, swap], atol=1e-6)


def test_the_best_come_first_so_that_a_run_may_keep_some() -> None:
    maps = synth.render(synth.crowd(12, SIZE, np.random.default_rng(0)), SIZE, noise=0.01)
    every = decode(maps)
    assert len(every) == 12
    assert (np.diff(every.person_score) <= 0).all()


def test_too_few_keypoints_make_nobody() -> None:
    seen = ("neck", "right_shoulder", "right_elbow", "right_wrist")
    arm = synth.hide(synth.person((300, 180), 280), *set(SKELETON.keypoints) - set(seen))
    maps = synth.render([arm], SIZE)
    assert len(decode(maps, min_keypoints=4)) == 1
    assert len(decode(maps, min_keypoints=5)) == 0


def test_too_little_confidence_makes_nobody() -> None:
    """What is found of somebody decides, not how much of them."""
    heat, pafs = synth.render([synth.person((300, 180), 280)], SIZE)
    weak = 0.2 * heat, 0.1 * pafs
    # 18 keypoints of 0.2 and 19 limbs of about 0.1, over twice 18.
    assert len(decode(weak, min_confidence=0.13)) == 1
    assert len(decode(weak, min_confidence=0.17)) == 0


def test_a_score_is_the_mean_of_all_keypoints_and_limbs() -> None:
    """A whole person on perfect maps scores nearly 1, one without legs accordingly less."""
    whole = synth.person((300, 180), 280)
    (score,) = decode(synth.render([whole], SIZE)).person_score
    assert 0.85 < score <= 1
    legs = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    half = synth.render([synth.hide(whole, *legs)], SIZE)
    (part,) = decode(half).person_score
    assert part == pytest.approx(score * (37 - 12) / 37, abs=0.03)  # 6 keypoints and 6 limbs fewer
    assert len(decode(half, min_score=part - 0.01)) == 1
    assert len(decode(half, min_score=part + 0.01)) == 0


def test_a_card_with_scores_per_keypoint_is_told_the_new_number() -> None:
    """Read as it is, 0.6 of a score from 0 to 1 would leave hardly anybody."""
    table = {"pafs": [list(pair) for pair in CARD.decoder.channels], "min_score": 0.6}
    with pytest.raises(CardError, match=r"write min_confidence = 0\.3"):
        PafDecoder.from_table(CARD.skeleton, CARD.input, table)


def test_maps_beyond_1_give_no_more_than_1() -> None:
    heat, pafs = synth.render([synth.person((300, 180), 280)], SIZE)
    poses = decode((1.2 * heat, 1.2 * pafs))
    assert poses.score.max() == 1
    np.testing.assert_allclose(poses.person_score, expected_oks(poses.xy, poses.skeleton))


def test_of_two_alike_the_larger_is_ranked_first() -> None:
    people = [synth.person((120, 120), 60), synth.person((400, 180), 240)]
    poses = decode(synth.render(people, SIZE))
    sides = np.ptp(poses.xy[..., 1], axis=1)
    assert sides[0] > 3 * sides[1]
    assert poses.person_score[0] > 1.1 * poses.person_score[1]


def test_positions_are_those_of_the_picture() -> None:
    """A picture of twice the size: the letterbox shrinks it for the network and pads it."""
    picture, network = (1000, 600), (512, 304)
    box = Letterbox.fit(picture, 304, 8)
    assert box.network == network
    points = synth.person((480, 310), 480, "walking")
    inner = box.to_network(points.astype(np.float32)).astype(float)
    one = decoder()
    poses = one.decode(one.candidates(*synth.render([inner], network), box))
    assert len(poses) == 1
    assert np.abs(poses.xy[0] - points).max() <= LIMIT * 600 / 304


def test_over_the_padding_there_is_nobody() -> None:
    """A narrow picture in a wide input: what the maps say beside it is noise."""
    box = Letterbox((300, 368), (300, 368), (656, 368))
    seen, noise = synth.person((150, 180), 280), synth.person((500, 180), 280)
    one = decoder()
    poses = one.decode(one.candidates(*synth.render([seen, noise], SIZE), box))
    assert_people(poses, [seen])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(0, 6),
    noise=st.floats(0, 0.3),
    high=st.integers(1, 20),
    wide=st.integers(1, 20),
)
def test_whatever_the_maps_the_people_are_sound(
    seed: int, count: int, noise: float, high: int, wide: int
) -> None:
    """Heaps of people and noise on maps of any size."""
    rng = np.random.default_rng(seed)
    size = wide * CELL, high * CELL
    people = [
        synth.person(tuple(rng.uniform((0, 0), size)), rng.uniform(20, 200), pose, rng)
        for pose in rng.choice(list(synth.POSES), count)
    ]
    maps = synth.render(people, size, noise=noise, rng=rng)
    one = decoder()
    evidence = one.candidates(*maps, Letterbox(size, size, size))
    poses = one.decode(evidence)
    assert len(poses) <= len(evidence.peaks)
    assert (poses.found.sum(axis=1) >= CARD.decoder.settings.min_keypoints).all()
    assert (np.isnan(poses.xy).any(axis=2) == ~poses.found).all()
    assert ((poses.score > 0) == poses.found).all()
    assert np.isfinite(poses.person_score).all()
    assert (np.diff(poses.person_score) <= 0).all()
    everywhere = poses.xy[poses.found]
    assert (everywhere >= -CELL / 2 - 0.5).all()
    assert (everywhere <= np.array(size) + CELL / 2 - 0.5).all()
    # Every keypoint is a peak of its type, and nobody's but this person's.
    peaks = {(int(kind), x, y) for kind, x, y, _ in evidence.peaks.tolist()}
    kinds = np.nonzero(poses.found)[1].tolist()
    used = [(kind, *xy) for kind, xy in zip(kinds, everywhere.tolist(), strict=True)]
    assert set(used) <= peaks
    assert len(set(used)) == len(used)
