"""3D people in the lines of JSON."""

from __future__ import annotations

import json

import numpy as np

from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.writing.json_text import space_people
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring


def test_each_keypoint_comes_with_its_covariance() -> None:
    rig = ring(4)
    unseen = body((0.2, 0.1))
    unseen[4] = np.nan
    poses = MultiViewReconstructor(rig, BODY25).update(0.0, sightings(rig, [unseen]))
    assert poses.covariance is not None
    person = json.loads(space_people(poses))[0]
    assert len(person["covariance"]) == 25
    assert person["covariance"][4] is None
    xx, xy, xz, yy, yz, zz = person["covariance"][8]
    told = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    np.testing.assert_allclose(told, poses.covariance[0, 8], rtol=5e-3, atol=1e-12)
    assert (np.linalg.eigvalsh(told) > 0).all()
