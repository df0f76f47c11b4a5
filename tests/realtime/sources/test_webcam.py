import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.reconnecting import LiveSource
from realtime.sources.webcam import MAX_FAILED_GRABS, WebcamConnector, camera_indices, no_camera
from realtime.types.errors import SourceError
from tests.waiting import PATIENCE as LONG

FOREVER = range(10**9)
Script = Callable[[int], Image | None]


class FakeCamera:
    """Delivers script(n) at the n-th grab, None being a failed one; keeps what is set, in order."""

    def __init__(self, script: Script | None, fps: float = 30.0) -> None:
        self.script = script
        self.fps = fps
        self.sets: list[tuple[int, float]] = []
        self.grabs = self.retrieved = 0
        self.released = False
        self.picture: Image | None = None

    def isOpened(self) -> bool:
        return self.script is not None

    def set(self, key: int, value: float, /) -> bool:
        self.sets.append((key, value))
        return True

    def get(self, key: int, /) -> float:
        return self.fps if key == cv2.CAP_PROP_FPS else 0.0

    def grab(self) -> bool:
        assert self.script is not None
        assert not self.released
        self.picture = self.script(self.grabs)
        self.grabs += 1
        return self.picture is not None

    def retrieve(self) -> tuple[bool, Image | None]:
        self.retrieved += 1
        return self.picture is not None, self.picture

    def release(self) -> None:
        self.released = True


def picture(number: int, wide: int = 64, high: int = 48) -> Image:
    return np.full((high, wide, 3), number % 256, np.uint8)


def source_of(
    cameras: dict[int, FakeCamera], chosen: range = FOREVER, give_up: float = 0, **more: object
) -> LiveSource:
    connect = WebcamConnector(list(cameras), open_camera=cameras.__getitem__, **more)
    return LiveSource(connect.name, connect, chosen, give_up=give_up)


def ticking() -> Iterator[float]:
    now = 100.0
    while True:
        yield now
        now += 0.25


def test_the_first_camera_that_delivers_is_taken() -> None:
    cameras = {
        0: FakeCamera(None),  # does not open: the metadata half of another camera
        1: FakeCamera(lambda n: None),  # opens, never delivers
        2: FakeCamera(picture),
        3: FakeCamera(picture),
    }
    with source_of(cameras) as source:
        assert (source.name, source.live, source.total, source.rate) == ("webcam2", True, None, 30)
    assert all(cameras[index].released for index in (0, 1, 2))
    assert cameras[3].grabs == 0


def test_frames_are_counted_and_stamped_right_after_the_grab() -> None:
    clock = ticking()
    with source_of({0: FakeCamera(picture)}, clock=lambda: next(clock)) as source:
        frames = [frame for frame, _ in zip(source, range(4), strict=False)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.captured for frame in frames] == [100.0, 100.25, 100.5, 100.75]
    assert [frame.time for frame in frames] == [frame.captured for frame in frames]
    assert frames[3].name == "webcam0_000000000003"
    assert frames[0].camera == "webcam0"
    pictures = [int(frame.image[0, 0, 0]) for frame in frames]
    assert pictures == list(range(pictures[0], pictures[0] + 4))
    assert not any(frame.image.flags.writeable for frame in frames)


def test_mjpeg_is_asked_for_before_size_and_rate() -> None:
    camera = FakeCamera(lambda n: picture(n, 1280, 720))
    with source_of({0: camera}, size=(1280, 720), fps=60.0) as source:
        assert source.notes == []
    assert camera.sets == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc("M", "J", "P", "G")),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 60.0),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


def test_a_camera_without_the_size_asked_for_is_used_as_it_is_and_that_is_said() -> None:
    with source_of({0: FakeCamera(picture, fps=0.0)}, size=(1920, 1080)) as source:
        frame = next(iter(source))
        assert source.rate is None
    assert frame.size == (64, 48)
    (note,) = source.notes
    assert "64x48" in note


def test_a_slow_start_and_single_failures_do_no_harm() -> None:
    def script(grab: int) -> Image | None:
        return None if grab < 4 or grab % 3 == 0 else picture(grab)

    with source_of({0: FakeCamera(script)}, range(20)) as source:
        assert [frame.index for frame in source] == list(range(20))


def test_a_camera_that_is_unplugged_ends_the_source_with_a_sentence() -> None:
    camera = FakeCamera(lambda n: picture(n) if n < 8 else None)
    frames = []
    with source_of({3: camera}) as source, pytest.raises(SourceError, match=r"webcam3.*unplugged"):
        frames.extend(source)
    assert [frame.index for frame in frames] == list(range(7))  # the first showed that it works
    assert camera.grabs == 8 + MAX_FAILED_GRABS
    assert camera.released


def test_pictures_that_arrive_broken_count_as_failures() -> None:
    class Broken(FakeCamera):
        def retrieve(self) -> tuple[bool, Image | None]:
            if self.grabs > 5:
                raise cv2.error("corrupt MJPEG")
            return super().retrieve()

    with source_of({0: Broken(picture)}) as source, pytest.raises(SourceError):
        list(source)


def test_start_end_and_step_hold_for_cameras_too() -> None:
    camera = FakeCamera(picture)
    with source_of({0: camera}, range(2, 9, 3)) as source:
        assert [frame.index for frame in source] == [2, 5, 8]
    assert camera.retrieved == 1 + 3  # what is passed over is not decoded


def test_a_camera_that_hangs_in_its_driver_is_not_released_under_it() -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def script(grab: int) -> Image:
        if grab == 3:
            hanging.set()
            assert go_on.wait(LONG)
        return picture(grab)

    camera = FakeCamera(script)
    with source_of({0: camera}, range(5)) as source:
        thread = threading.Thread(target=list, args=(source,))
        thread.start()
        assert hanging.wait(LONG)
    assert not camera.released
    go_on.set()
    thread.join(LONG)
    assert not thread.is_alive()


def test_no_camera_says_what_to_do(tmp_path: Path) -> None:
    cameras = {4: FakeCamera(None)}
    with pytest.raises(SourceError) as caught, source_of(cameras):
        pass
    assert "camera" in str(caught.value).lower()
    assert cameras[4].released

    assert "/video*" in no_camera([], "linux", tmp_path)
    (tmp_path / "video0").touch()
    assert "webcam:0" in no_camera([7], "linux", tmp_path)
    assert "another program" in no_camera([0], "linux", tmp_path)
    assert "privacy" in no_camera([0], "darwin", tmp_path)


def test_devices_the_process_may_not_open_point_to_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video0").touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "usermod -aG video" in no_camera([0], "linux", tmp_path)


def test_cameras_are_listed_not_guessed_on_linux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("video10", "video2", "video0", "video", "videox", "vbi0"):
        (tmp_path / name).touch()
    monkeypatch.setattr("sys.platform", "linux")
    assert camera_indices(tmp_path) == [0, 2, 10]
    monkeypatch.setattr("sys.platform", "darwin")
    assert camera_indices(tmp_path) == list(range(10))


@pytest.mark.parametrize("name", ["webcam", "webcam:99"])
def test_without_a_camera_the_terminal_stays_clean(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.sources.camera_indices", lambda: [97, 98])
    with pytest.raises(SourceError), open_source(SourceSettings(name)):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["webcam:", "webcam:one", "webcam:-1", "webcam:1:2"])
def test_names_that_are_no_camera_s(name: str) -> None:
    with pytest.raises(SourceError, match="webcam:0"):
        open_source(SourceSettings(name))


def test_a_camera_s_settings_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(SourceSettings("webcam:5", camera_size="800x600", camera_fps=15))
    assert isinstance(source, LiveSource)
    assert source.name == "webcam5"
    assert source.live


def test_a_camera_that_is_plugged_in_again_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    plugs = [
        FakeCamera(lambda n: picture(n) if n < 4 else None),
        FakeCamera(None),
        FakeCamera(lambda n: picture(100 + n)),
    ]
    opened: list[FakeCamera] = []

    def open_next(index: int) -> FakeCamera:
        assert index == 2
        opened.append(plugs[len(opened)])
        return opened[-1]

    connect = WebcamConnector([2], open_camera=open_next)
    with LiveSource("webcam2", connect, range(6), give_up=5) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(6))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 2, 3, 101, 102, 103]
    assert [record.getMessage().split()[2] for record in caplog.records] == ["lost:", "back"]
    assert all(camera.released for camera in plugs)
