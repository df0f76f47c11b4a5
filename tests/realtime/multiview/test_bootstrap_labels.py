"""Labels that cameras give each other, from 3D bodies with known answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from engines.types.arrays import Doubles
from engines.types.skeleton import named_skeleton
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.files.bootstrap import WINDOW_SECONDS, BootstrapSink
from realtime.types.errors import OutputError, SettingsError
from realtime.types.results import Result, View
from tests.bodies import body, sightings
from tests.calibration.cameras import ring
from tests.realtime.wanted import settings

COCO18 = named_skeleton("coco18")
COCO17 = named_skeleton("coco17")
RIG = ring(5, radius=5)
RATE = 20.0


def people(n: int) -> list[Doubles]:
    return [
        body((-0.7 + n / 80, 0.3), phase=n / 4, skeleton=COCO18),
        body((0.8, -0.5 + n / 90), heading=1.5, phase=n / 4, skeleton=COCO18),
    ]


def hidden(views: Sequence[View | None], v: int, person: int, part: slice) -> list[View | None]:
    """The same where view v does not see a part of a person."""
    changed, view = list(views), views[v]
    assert view is not None
    poses = view.tracks.poses
    xy, score = poses.xy.copy(), poses.score.copy()
    xy[person, part], score[person, part] = np.nan, 0
    tracks = replace(view.tracks, poses=replace(poses, xy=xy, score=score))
    changed[v] = replace(view, tracks=tracks)
    return changed


def run(folder: Path, confidence: Sequence[float], *, wrong: int | None = None) -> None:
    """An instant for each confidence. wrong: a view that misplaces all left wrists."""
    space = RigStage(RIG, COCO18)
    wrist = COCO18.keypoints.index("left_wrist")
    with BootstrapSink(folder, RIG, COCO18) as sink:
        for n, sure in enumerate(confidence):
            views: list[View | None] = []
            for v, view in enumerate(sightings(RIG, people(n), n / RATE, skeleton=COCO18)):
                assert view is not None
                poses = view.tracks.poses
                xy = poses.xy.copy()
                if v == wrong:
                    xy[:, wrist] += 150
                poses = replace(poses, xy=xy, score=(poses.score * sure).astype(np.float32))
                name = f"{view.frame.camera}_{n:012d}"
                frame = replace(
                    view.frame, index=n, name=name, image=np.full_like(view.frame.image, n)
                )
                views.append(View(frame, replace(view.tracks, poses=poses)))
            views = hidden(views, 0, 0, slice(2, 5))
            named, poses3d = share_ids(views, space.update(n / RATE, views))
            sink.write(Result(n / RATE, named, {}, 0, poses3d))


def read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "person_keypoints.json").read_text()))


def test_labels_are_the_people_as_each_camera_has_them(tmp_path: Path) -> None:
    run(tmp_path, [1.0] * 4 + [1.2] + [1.0] * 3, wrong=2)
    coco = COCO(str(tmp_path / "person_keypoints.json"))  # COCO's own program reads them
    images = coco.loadImgs(coco.getImgIds())
    assert {image["index"] for image in images} == {4}
    order = COCO18.order_in(COCO17)
    for image in images:
        picture = cv2.imread(str(tmp_path / "pictures" / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)
        assert abs(int(picture.mean()) - image["index"]) <= 1
        camera = next(one for one in RIG.cameras if one.name == image["camera"])
        truth = np.array([camera.project(one)[list(order)] for one in people(image["index"])])
        notes = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        found = np.array([one["keypoints"] for one in notes]).reshape(-1, 17, 3)
        assert len(found) == 2
        for person in found:
            on = person[:, 2] > 0
            assert on.all()  # also what view 0 does not see, and view 2 sees elsewhere
            off = np.linalg.norm(truth - person[:, :2], axis=-1)
            assert off.max(1).min() < 1.0
        wrists = found[:, COCO17.keypoints.index("left_wrist"), 2]
        assert set(wrists) == ({1} if image["camera"] == "cam2" else {2})


def test_the_best_instant_of_every_while_is_taken_best_first(tmp_path: Path) -> None:
    per = round(WINDOW_SECONDS * RATE)
    confidence = [0.5] * per + [0.6] * per + [0.4] * per
    for n in (3, per + 7, 2 * per + 1):
        confidence[n] += 0.2
    run(tmp_path, confidence)
    images = read(tmp_path)["images"]
    assert [image["index"] for image in images[::5]] == [per + 7, 3, 2 * per + 1]
    scores = [image["score"] for image in images]
    assert scores == sorted(scores, reverse=True)
    # Two people of 18 keypoints in five views, all but three keypoints of one of them in one.
    assert scores[0] == pytest.approx((2 * 18 * 5 - 3) * 0.8 * 0.8, rel=1e-3)


def test_training_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from training.data.photos import read_photos

    run(tmp_path, [1.0] * 3)
    photos = read_photos(tmp_path)
    assert len(photos) == 5
    for photo, camera in zip(photos, RIG.cameras, strict=True):
        truth = np.array([camera.project(one) for one in people(0)])
        assert photo.persons.shape == (2, 18, 2)
        off = np.linalg.norm(photo.persons[:, None] - truth[None], axis=-1)
        assert off.max(-1).min(1).max() < 1.5
        assert len(photo.boxes) == 2


def test_openposes_training_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from training.openpose.labels import read_labels

    run(tmp_path, [1.0] * 3)
    labels = tmp_path / "person_keypoints.json"
    photos = read_labels(labels, tmp_path / "pictures", named_skeleton("body25"))
    assert len(photos) == len(RIG)
    knee = named_skeleton("body25").keypoints.index("left_knee")
    for photo, camera in zip(photos, RIG.cameras, strict=True):
        assert photo.read().shape[1::-1] == camera.size
        truth = [camera.project(one)[COCO18.keypoints.index("left_knee")] for one in people(0)]
        off = np.linalg.norm(photo.points[:, None, knee] - np.array(truth), axis=-1)
        assert off.min(axis=0).max() < 1.5


def test_whom_one_view_alone_sees_is_a_box_without_keypoints(tmp_path: Path) -> None:
    space = RigStage(RIG, COCO18)
    views = sightings(RIG, [*people(0), body((0.1, 1.2), skeleton=COCO18)], skeleton=COCO18)
    for v in range(1, 5):
        views = hidden(views, v, 2, slice(None))
    with BootstrapSink(tmp_path, RIG, COCO18) as sink:
        named, poses3d = share_ids(views, space.update(0.0, views))
        sink.write(Result(0.0, named, {}, 0, poses3d))
    data = read(tmp_path)
    first = next(image["id"] for image in data["images"] if image["camera"] == "cam0")
    counts = [one["num_keypoints"] for one in data["annotations"] if one["image_id"] == first]
    assert sorted(counts) == [0, 17, 17]


def test_what_cannot_be_labelled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--bootstrap needs calibrated cameras"):
        settings("a", "b", bootstrap=tmp_path)
    with pytest.raises(OutputError, match="at least three cameras"):
        BootstrapSink(tmp_path, ring(2), COCO18)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"--bootstrap .* is not a folder, or is inside a file"):
        BootstrapSink(tmp_path / "file", RIG, COCO18)


def test_nobody_is_no_label(tmp_path: Path) -> None:
    space = RigStage(RIG, COCO18)
    with BootstrapSink(tmp_path, RIG, COCO18) as sink:
        views = sightings(RIG, [], skeleton=COCO18)
        named, poses3d = share_ids(views, space.update(0.0, views))
        sink.write(Result(0.0, named, {}, 0, poses3d))
    assert read(tmp_path)["images"] == []
    assert list((tmp_path / "pictures").iterdir()) == []
