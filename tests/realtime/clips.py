"""Clips to read back: every frame shows its own number."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.errors import SourceError
from realtime.types.frames import Frame

RATE = 25
BITS = 6  # stripes of a coded picture: it shows its own number, black and white


def coded(number: int, wide: int = 96, high: int = 64) -> Image:
    image = np.zeros((high, wide, 3), np.uint8)
    for bit, stripe in enumerate(np.array_split(np.arange(wide), BITS)):
        image[:, stripe] = 235 if number >> bit & 1 else 20
    return image


def shown(image: Image) -> int:
    stripes = np.array_split(image[image.shape[0] // 2], BITS)
    return sum(int(stripe.mean() > 128) << bit for bit, stripe in enumerate(stripes))


def write(
    path: Path,
    pictures: Sequence[Image | av.VideoFrame],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation: tuple[float, bool] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A clip of these pictures; pts count thousandths of a second."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        first = pictures[0]
        high, wide = (
            first.shape[:2] if isinstance(first, np.ndarray) else (first.height, first.width)
        )
        stream.width, stream.height, stream.pix_fmt = wide, high, pix_fmt
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation[0], rotation[1])
        for number, picture in enumerate(pictures):
            if isinstance(picture, np.ndarray):
                picture = av.VideoFrame.from_ndarray(picture, format="bgr24")
            else:
                stream.codec_context.colorspace = picture.colorspace
                stream.codec_context.color_range = picture.color_range
            picture.pts = number if pts is None else pts[number]
            picture.time_base = Fraction(1, RATE if pts is None else 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def frames(path: Path, **settings: object) -> list[Frame]:
    with open_source(SourceSettings(str(path), **settings)) as source:
        return list(source)


def until_error(path: Path, **settings: object) -> tuple[list[Frame], str]:
    """The frames that a source gives before it raises, and the sentence."""
    got: list[Frame] = []
    with (
        pytest.raises(SourceError) as caught,
        open_source(SourceSettings(str(path), **settings)) as source,
    ):
        got.extend(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return got, sentence


def ffprobe_times(path: Path, what: str = "frame=best_effort_timestamp_time") -> list[float | None]:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe on this machine")
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", what]
    run = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True)
    kind, key = what.split("=")
    entries = json.loads(run.stdout)[f"{kind}s"]
    return [float(entry[key]) if key in entry else None for entry in entries]


B_FRAMES = {"bf": "3", "x264-params": "b-adapt=0"}
CLIPS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264.mp4": ("libx264", "yuv420p", B_FRAMES),
    "h264.mkv": ("libx264", "yuv420p", B_FRAMES),
    "h264.avi": ("libx264", "yuv420p", B_FRAMES),
    "h264.ts": ("libx264", "yuv420p", B_FRAMES),
    "h264.h264": ("libx264", "yuv420p", B_FRAMES),
    "10bit.mp4": ("libx264", "yuv420p10le", {}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mpeg4.mov": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"bf": "2"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"cpu-used": "8", "deadline": "realtime"}),
    "alpha.webm": ("libvpx-vp9", "yuva420p", {"cpu-used": "8", "deadline": "realtime"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "grey.mkv": ("ffv1", "gray", {}),
    "grey16.mkv": ("ffv1", "gray16le", {}),
    "bgra.mkv": ("ffv1", "bgra", {}),
    "raw.avi": ("rawvideo", "bgr24", {}),
    "raw.nut": ("rawvideo", "bgr24", {}),
    "prores.mov": ("prores_ks", "yuva444p10le", {"profile": "4"}),
    "palette.gif": ("gif", "rgb8", {}),
}
