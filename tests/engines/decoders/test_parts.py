"""MediaPipe's heads of hands and faces."""

import numpy as np
import pytest

from engines.decoders.parts import FaceMesh, FaceMeshDecoder, Hand
from engines.models.card import load_card
from engines.types.errors import CardError
from engines.types.network_input import NetworkInput
from engines.types.skeleton import named_skeleton

MESH = 468


def test_hand_is_as_sure_as_it_is_there() -> None:
    """Its first pixel has its centre at 0, as ours."""
    raw = np.arange(2 * 63, dtype=np.float32).reshape(2, 63)
    arrays = {"points": raw, "presence": np.array([[0.9], [0.4]], np.float32)}
    xy, score = Hand().points(arrays, (224, 224))
    np.testing.assert_allclose(xy[0, :2], [[0, 1], [3, 4]])
    np.testing.assert_allclose(xy[1, 20], [63 + 60, 63 + 61])
    np.testing.assert_allclose(score[0], 0.9)
    assert (score[1] == 0).all()
    np.testing.assert_allclose(Hand().presence(arrays), [0.9, 0.4])


def test_face_keypoint_is_the_middle_of_its_vertices() -> None:
    mesh = np.random.default_rng(0).uniform(0, 192, (1, MESH, 3)).astype(np.float32)
    arrays = {
        "points": mesh.reshape(1, 1, 1, -1),
        "presence": np.full((1, 1, 1, 1), np.log(3), np.float32),
    }
    head = FaceMesh(vertices=((5,), (7, 9)))
    xy, score = head.points(arrays, (192, 192))
    np.testing.assert_allclose(xy[0, 0], mesh[0, 5, :2] - 0.5)
    np.testing.assert_allclose(xy[0, 1], mesh[0, [7, 9], :2].mean(0) - 0.5, rtol=1e-6)
    np.testing.assert_allclose(score, 0.75, rtol=1e-6)


def test_faces_card_maps_the_mirrored_mesh_onto_the_mirrored_face() -> None:
    """A pair of keypoints left and right is a pair of vertices left and right in all of the card.

    The mesh's own pairs are known of a few: corners of eyes and mouth, brows, and the midline.
    """
    card = load_card("mediapipe-face")
    assert isinstance(card.decoder, FaceMeshDecoder)
    head, face = card.decoder.settings, card.skeleton
    assert isinstance(head, FaceMesh)
    at = dict(zip(face.keypoints, head.vertices, strict=True))
    known = {
        "right_eye_outer": 33,
        "right_eye_inner": 133,
        "left_eye_inner": 362,
        "left_eye_outer": 263,
        "right_mouth": 61,
        "left_mouth": 291,
        "chin": 152,
        "upper_lip": 0,
        "lower_lip": 17,
        "right_brow_5": 107,
        "left_brow_5": 336,
    }
    for name, vertex in known.items():
        assert at[name] == (vertex,) or list(at[name]) == [vertex]
    assert len({n for name, some in at.items() if len(some) == 1 for n in some}) == 68
    assert [len(at[f"{side}_pupil"]) for side in ("left", "right")] == [6, 6]


@pytest.mark.parametrize("vertices", [[[1, 2], []], [[1], ["a"]], [[-1], [2]]])
def test_bad_vertices_are_refused(vertices: list[object]) -> None:
    entry = NetworkInput(stride=32, size=(192, 192))
    with pytest.raises(CardError, match="vertices"):
        FaceMeshDecoder.from_table(named_skeleton("face70"), entry, {"vertices": vertices})


def test_too_few_vertices_are_refused() -> None:
    entry = NetworkInput(stride=32, size=(192, 192))
    decoder = FaceMeshDecoder.from_table(named_skeleton("face70"), entry, {"vertices": [[1], [2]]})
    with pytest.raises(CardError, match="2 entries, the skeleton 70"):
        _ = decoder.outputs
