"""Camera files of other programs: there and back, OpenCV as the judge, and what is wrong."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.files.rig_toml import read_offsets, read_rig, rig_toml, write_rig
from calibration.formats import read, write
from calibration.formats.openpose_xml import openpose_xml
from calibration.geometry.camera import Camera, Rig, rotation_matrix, rotation_vector
from calibration.geometry.errors import MAX_MESSAGE_LENGTH, CalibrationError, RigError
from posestream.commands.calibrate.main import main
from tests.calibration.cameras import FISHEYE, LENSES, camera, ring
from tests.xml_bombs import BOMBS

EXHAUSTIVE = cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
NUMBER = st.floats(-1e3, 1e3, allow_nan=False)
ANGLE = st.floats(0, np.pi) | st.sampled_from([0.0, 1e-300, 1e-9, 4e-6, np.pi - 1e-7, np.pi])


@st.composite
def turns(draw: st.DrawFn) -> np.ndarray:
    """Rotation vectors up to a half turn; about single axes too."""
    axis = np.array(draw(st.lists(st.floats(-1, 1), min_size=3, max_size=3)))
    if (length := np.linalg.norm(axis)) < 1e-3:
        axis, length = np.eye(3)[draw(st.integers(0, 2))], 1.0
    return axis / length * draw(ANGLE)


@st.composite
def rigs(draw: st.DrawFn) -> Rig:
    """One to three cameras of any pinhole lens."""
    letters = st.characters(categories=["L", "N"])
    names = draw(st.lists(st.text(letters, min_size=1, max_size=8), min_size=1, max_size=3))
    unique = {name.lower(): name for name in names}.values()
    cameras = []
    for name in unique:
        count = draw(st.sampled_from(sorted(LENSES)[1:]))
        fx, fy, cx, cy = draw(st.tuples(*[st.floats(1e-3, 1e5)] * 2, NUMBER, NUMBER))
        cameras.append(
            Camera(
                name,
                draw(st.tuples(st.integers(1, 9999), st.integers(1, 9999))),
                np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
                np.array(draw(st.lists(NUMBER, min_size=count, max_size=count))),
                rotation_matrix(draw(turns())),
                np.array(draw(st.tuples(NUMBER, NUMBER, NUMBER))),
            )
        )
    return Rig(tuple(cameras))


def assert_same(one: Rig, other: Rig, turn: float = 0.0) -> None:
    """All numbers to the last digit, rotations to `turn`."""
    ours, theirs = (sorted(rig.cameras, key=lambda own: own.name) for rig in (one, other))
    for a, b in zip(ours, theirs, strict=True):
        assert (a.name, a.size, a.fisheye) == (b.name, b.size, b.fisheye)
        for what in ("matrix", "distortion", "translation"):
            np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
        np.testing.assert_allclose(a.rotation, b.rotation, rtol=0, atol=turn)


@given(rigs())
@settings(max_examples=60, deadline=None)
def test_there_and_back_every_number_stays(rig: Rig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, xml, second = (Path(folder) / name for name in ("a.toml", "xml", "b.toml"))
        write(rig, xml)
        assert_same(read(xml).rig, rig)
        write(rig, first)
        assert_same(read(first).rig, rig, 4e-15)
        write(read(xml).rig, second)
        assert_same(read(second).rig, read(first).rig, 4e-15)


@given(turns())
@settings(max_examples=200, deadline=None)
def test_rotations_as_vectors_keep_their_digits(turn: np.ndarray) -> None:
    matrix = rotation_matrix(turn)
    back = rotation_vector(matrix)
    np.testing.assert_allclose(rotation_matrix(back), matrix, rtol=0, atol=4e-15)
    if np.linalg.norm(turn) < 3:  # a half turn has two vectors
        np.testing.assert_allclose(back, turn, rtol=1e-13, atol=4e-15)


@pytest.mark.parametrize("lens", [4, 5, 8, 12, 14])
def test_opencv_reads_what_openpose_is_given(lens: int) -> None:
    one = camera("one", LENSES[lens])
    storage = cv2.FileStorage(openpose_xml(one), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    np.testing.assert_array_equal(storage.getNode("Intrinsics").mat(), one.matrix)
    np.testing.assert_array_equal(storage.getNode("Distortion").mat().ravel(), one.distortion)
    pose = storage.getNode("CameraMatrix").mat()
    world = np.array([[0.3, -0.2, 0.7]])
    turn, shift = cv2.Rodrigues(pose[:, :3])[0], pose[:, 3]
    seen = cv2.projectPoints(world, turn, shift, one.matrix, one.distortion)[0]
    np.testing.assert_allclose(one.project(world), seen.reshape(1, 2), atol=1e-9)


@pytest.mark.parametrize("suffix", [".xml", ".yml", ".yaml"])
@pytest.mark.parametrize("fisheye", [False, True])
def test_what_opencv_writes_is_read(tmp_path: Path, suffix: str, fisheye: bool) -> None:
    """The names of OpenCV's own calibration sample."""
    one = camera("left", FISHEYE if fisheye else LENSES[5], fisheye=fisheye)
    storage = cv2.FileStorage(str(tmp_path / f"left{suffix}"), cv2.FILE_STORAGE_WRITE)
    storage.write("calibration_time", "Sat 21 Nov 2026: noon")
    storage.write("image_width", one.size[0])
    storage.write("image_height", one.size[1])
    storage.write("fisheye_model", int(fisheye))
    storage.write("camera_matrix", one.matrix)
    storage.write("distortion_coefficients", one.distortion[:, None])
    storage.write("per_view_reprojection_errors", np.arange(12.0).reshape(12, 1))
    storage.release()
    found = read(tmp_path / f"left{suffix}")
    still = replace(one, rotation=np.eye(3), translation=np.zeros(3))
    assert_same(found.rig, Rig((still,)))
    assert [key.split()[1] for key in found.left] == [
        *("calibration_time", "per_view_reprojection_errors")
    ]


def test_openpose_does_not_say_how_large_pictures_are(tmp_path: Path) -> None:
    lines = openpose_xml(camera("one")).splitlines()
    bare = "\n".join(line for line in lines if "image_" not in line)
    (tmp_path / "one.xml").write_text(bare)
    with pytest.raises(
        RigError, match=r"one\.xml: it does not contain the picture size; .* --size 1280x720"
    ):
        read(tmp_path)
    assert_same(read(tmp_path, (1280, 720)).rig, Rig((camera("one"),)))
    (tmp_path / "one.xml").write_text("\n".join(lines))
    with pytest.raises(RigError, match="1280x720; --size is only for files"):
        read(tmp_path, (640, 480))


@pytest.mark.parametrize("name", ["rig-multi", "rig-single"])
def test_real_qualisys_files(data: Path, name: str) -> None:
    """Against the .toml of their publishers, who divided the lens by 64 as if it were pixels;
    photographs of boards agree with the file itself (see the next test).
    """
    found = read(data / name / "Calib.qca.txt").rig
    theirs = read_rig(data / name / "rig.toml")
    lenses = [replace(one, distortion=one.distortion / 64) for one in found.cameras]
    for one, other in zip(lenses, theirs.cameras, strict=True):
        assert (one.name, one.size) == (other.name, other.size)
        np.testing.assert_allclose(one.matrix, other.matrix, rtol=1e-12)
        np.testing.assert_allclose(one.distortion, other.distortion, atol=5e-9)
        np.testing.assert_allclose(one.rotation, other.rotation, atol=1e-12)
        np.testing.assert_allclose(one.translation, other.translation, atol=1e-12)


def test_qualisys_lenses_are_without_unit(data: Path) -> None:
    """Boards that one of the cameras photographed lie flatter with the lens as it is written."""
    rig = read(data / "rig-single" / "Calib.qca.txt").rig
    board = np.zeros((28, 3))
    board[:, :2] = np.mgrid[0:7, 0:4].T.reshape(-1, 2) * 0.06
    one = rig.cameras[1]
    square = {1.0: 0.0, 1 / 64: 0.0}
    photos = sorted((data / "rig-single" / "intrinsics" / f"int_{one.name}_img").iterdir())
    for photo in photos[:2]:
        gray = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
        found, xy = cv2.findChessboardCornersSB(gray, (7, 4), flags=EXHAUSTIVE)
        assert found
        for share in square:
            lens = one.distortion * share
            _, turn, shift = cv2.solvePnP(board, xy, one.matrix, lens)
            seen = cv2.projectPoints(board, turn, shift, one.matrix, lens)[0]
            square[share] += float(((seen.reshape(-1, 2) - xy.reshape(-1, 2)) ** 2).sum())
    assert square[1.0] < 0.9 * square[1 / 64]


def test_the_command_converts_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rig(ring(3), tmp_path / "rig.toml")
    there = ["convert", str(tmp_path / "rig.toml"), str(tmp_path / "openpose")]
    assert main(there) == 0
    assert "cam0, cam1, cam2" in capsys.readouterr().out
    assert main(there) == 2
    assert "already has camera files (cam0.xml); choose another" in capsys.readouterr().err
    (tmp_path / "openpose" / "stray.xml").write_text("old")
    assert main([*there, "--force"]) == 0
    assert {file.name for file in (tmp_path / "openpose").iterdir()} == {
        *(f"cam{n}.xml" for n in range(3)),
        *(f"cam{n}.xml.bak" for n in range(3)),
        "stray.xml.bak",
    }
    back = ["convert", str(tmp_path / "openpose"), str(tmp_path / "rig.toml")]
    assert main(back) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*back, "--force"]) == 0
    assert_same(read_rig(tmp_path / "rig.toml"), read_rig(tmp_path / "rig.toml.bak"), 1e-15)
    assert_same(read_rig(tmp_path / "rig.toml"), ring(3), 1e-15)
    single = ["convert", str(tmp_path / "openpose" / "cam1.xml"), str(tmp_path / "cam1.toml")]
    assert main(single) == 0
    assert_same(read_rig(tmp_path / "cam1.toml"), Rig((ring(3).cameras[1],)), 1e-15)


def test_what_is_left_out_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rig.toml").write_text(rig_toml(ring(1)) + "exposure = -7\n\n[metadata]\nerror=1\n")
    assert main(["convert", str(tmp_path / "rig.toml"), str(tmp_path / "new.toml")]) == 0
    assert capsys.readouterr().err == "posestream: left out [cam_0] exposure\n"
    write_rig(ring(2), tmp_path / "late.toml", offsets={"cam1": -0.25})
    assert main(["convert", str(tmp_path / "late.toml"), str(tmp_path / "kept.toml")]) == 0
    assert read_offsets(tmp_path / "kept.toml") == {"cam1": -0.25}
    assert capsys.readouterr().err == ""
    assert main(["convert", str(tmp_path / "late.toml"), str(tmp_path / "xml")]) == 0
    assert capsys.readouterr().err == "posestream: left out time_offset\n"


def test_caliscope_is_read(data: Path) -> None:
    rig = read(data / "rig-charuco" / "charuco_calibration" / "camera_array.toml").rig
    assert [one.name for one in rig.cameras] == ["cam_0", "cam_1", "cam_2", "cam_3"]
    assert 0.3 < np.linalg.norm(rig.centres[0] - rig.centres[1]) < 1.5


XML = openpose_xml(camera("one"))
YAML = "%YAML:1.0\n---\ncamera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
QCA = (
    '<calibration><cameras><camera active="1" serial="a"><fov_video left="0" top="0" '
    'right="639" bottom="479"/><transform x="1" y="2" z="3" r11="1" r12="0" r13="0" r21="0" '
    'r22="1" r23="0" r31="0" r32="0" r33="1"/><intrinsic focalLengthU="64000" '
    'focalLengthV="64000" centerPointU="20480" centerPointV="15360" skew="0" '
    'radialDistortion1="0" radialDistortion2="0" radialDistortion3="0" '
    'tangentalDistortion1="0" tangentalDistortion2="0"/></camera></cameras></calibration>'
)
BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.xml", "", "no XML"),
        ("a.xml", "<rig/>", "begins with <rig>"),
        ("a.xml", BOMB, "has a DTD"),
        ("a.xml", '<?xml version="1.0" encoding="klingon"?><a/>', "no XML"),
        ("a.xml", XML.replace("Intrinsics", "Extrinsics"), "no Intrinsics or camera_matrix"),
        ("a.xml", XML.replace("910.0", "nan"), "not finite"),
        ("a.xml", XML.replace("910.0", "large"), "Intrinsics is no matrix of numbers"),
        ("a.xml", XML.replace("<rows>3", "<rows>99999999"), "is no matrix of numbers"),
        ("a.xml", XML.replace("<rows>5", "<rows>1"), "Distortion is no matrix"),
        ("a.xml", XML.replace("<cols>4", "<cols>3", 1), "is no matrix"),
        ("a.xml", XML.replace("0.001", "0.001 7 7").replace("<rows>5", "<rows>7"), "no lens model"),
        ("a.xml", XML.replace(">1280<", ">wide<"), "width and height"),
        ("a.xml", XML.replace(">1280<", ">-1<"), "above 0"),
        ("a.xml", XML.replace("    0.", "    9.", 1), "not a rotation matrix"),
        ("a.yml", "camera_matrix: 7", "begins with %YAML"),
        ("a.yml", "%YAML:1.0\n---\ncamera_matrix: 7", "camera_matrix is no matrix"),
        ("a.yml", YAML + "   data: [ 1, 2, 3 ]\n", "is no matrix of numbers"),
        ("a.yml", YAML, "is no matrix of numbers"),
        ("a.yml", "%YAML\xff", "not UTF-8 text"),
        ("a.qca.txt", "<calibration/>", "no active <camera>"),
        ("a.qca.txt", "7", "no XML"),
        ("a.qca.txt", BOMB, "has a DTD"),
        ("a.qca.txt", QCA.replace(' r33="1"', ""), "needs numbers for r11 .* in its <transform>"),
        ("a.qca.txt", QCA.replace('r33="1"', 'r33="7"'), "not a rotation matrix"),
        ("a.qca.txt", QCA.replace('"64000"', '"inf"'), "not finite"),
        ("a.qca.txt", QCA.replace('skew="0"', 'skew="0.1"'), "skew"),
        ("a.qca.txt", QCA.replace('"639"', '"1e300"'), "no size"),
        ("a.toml", "[cameras]\n", "at least a size and a matrix"),
        ("a.toml", "[cameras.0]\nsize = 7\n", "at least a size and a matrix"),
        ("a.txt", "what", "not the name of a camera file"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(RigError, match=words) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a.xml", "a.qca.txt"])
@pytest.mark.parametrize("what", BOMBS)
def test_no_dtd_is_read_whatever_its_encoding(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).write_bytes(BOMBS[what])
    # The XML parser knows no UTF-32.
    words = "this is no XML" if "utf-32" in what else "it has a DTD, which no camera file has"
    with pytest.raises(RigError, match=words) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_camera_in_utf_16_is_read(tmp_path: Path) -> None:
    """It is the DTD that is refused, not the encoding."""
    (tmp_path / "a.xml").write_text(XML, encoding="utf-16")
    (tmp_path / "b.xml").write_text(XML)
    first, second = (read(tmp_path / name).rig.cameras[0] for name in ("a.xml", "b.xml"))
    assert first.matrix.tolist() == second.matrix.tolist()


def test_the_good_ones_among_the_broken_are_good(tmp_path: Path) -> None:
    (tmp_path / "a.qca.txt").write_text(QCA)
    one = read(tmp_path / "a.qca.txt").rig.cameras[0]
    assert one.matrix.tolist() == [[1000, 0, 320], [0, 1000, 240], [0, 0, 1]]
    assert one.centre.tolist() == [0.001, 0.002, 0.003]
    (tmp_path / "a.yml").write_text(YAML + "   data: [ 1, 0, 2,\n       0, 1, 2, 0, 0, 1. ]\n")
    assert read(tmp_path / "a.yml", (4, 4)).rig.cameras[0].matrix[0].tolist() == [1, 0, 2]


def test_places_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(RigError, match="There is no"):
        read(tmp_path / "none.xml")
    with pytest.raises(RigError, match=r"There is no .*none; it must be a rig"):
        read(tmp_path / "none")
    with pytest.raises(RigError, match=r"has no \.xml"):
        read(tmp_path)
    (tmp_path / "a.xml").write_text(XML)
    (tmp_path / "a.yml").write_text(YAML)
    with pytest.raises(RigError, match=r"several formats \(\.xml, \.yml\)"):
        read(tmp_path)
    with (tmp_path / "large.yml").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(RigError, match=r"large\.yml is larger than 8 MiB"):
        read(tmp_path / "large.yml")
    with pytest.raises(CalibrationError, match=r"there are 2; give a folder"):
        write(ring(2), tmp_path / "new.xml")
    with pytest.raises(CalibrationError, match=r"rig\.qca\.txt is not the name of a format"):
        write(ring(2), tmp_path / "rig.qca.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="cannot be written: "):
        write(ring(2), tmp_path / "file")
    with pytest.raises(CalibrationError, match="cannot be written: "):
        write(ring(2), tmp_path / "file" / "rig.toml")


def test_cameras_that_openpose_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot hold a fisheye lens such as wide"):
        write(Rig((camera("wide", FISHEYE, fisheye=True),)), tmp_path / "xml")
    for names in (("../up",), ("A", "a"), ("con:",), ("..",)):
        with pytest.raises(CalibrationError, match="used as a file name"):
            write(Rig(tuple(camera(name) for name in names)), tmp_path / "xml")
    assert not (tmp_path / "xml").exists()


def test_sentences_are_short_whatever_they_quote(capsys: pytest.CaptureFixture[str]) -> None:
    error = RigError("There is no " + "\x1b[31m\n" * 5000)
    assert len(str(error)) <= MAX_MESSAGE_LENGTH
    assert str(error).isprintable()
    assert main(["convert", "a.toml", "b.toml", "--size", "9" * 5000]) == 2
    said = capsys.readouterr().err
    assert len(said) < MAX_MESSAGE_LENGTH + 20
    assert said.count("\n") == 1
