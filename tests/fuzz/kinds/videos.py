"""Videos of many containers and codecs, damaged, under names that may be wrong."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import cv2  # noqa: F401 - before av
import numpy as np

from realtime.settings.files import VIDEO_ENDINGS
from realtime.settings.sources import SourceSettings
from realtime.sinks.opening import open_sinks
from realtime.sinks.protocol import Sink
from realtime.sinks.together import Together
from realtime.sources import open_source
from realtime.types.model import Keypoints
from realtime.types.results import Result, View
from tests.fuzz.mutate import damage
from tests.fuzz.worker import Finding, check_sentence
from tests.realtime.clips import CLIPS, coded, write
from tests.realtime.results import tracks
from tests.realtime.wanted import settings as wanted
from tests.synth import SKELETON

FRAMES = 8
MOST = 100  # frames that are looked at: some damage makes a file longer
TEXT_FILES = {
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nh264.ts\n#EXT-X-ENDLIST\n",
    "list.ffconcat": b"ffconcat version 1.0\nfile h264.mp4\nduration 1\nfile mpeg4.avi\n",
    "camera.sdp": b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "words.srt": b"1\n00:00:01,000 --> 00:00:02,000\nhello\n",
    "words.ass": b"[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,a\n",
    "page.html": b"<html><body>404 not found</body></html>" * 20,
    "list.mpd": b'<?xml version="1.0"?><MPD type="static"><Period></Period></MPD>',
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"/></svg>',
    "picture.y4m": b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\n" + (b"FRAME\n" + bytes(384)) * 3,
}


class Kind:
    share = 1800
    limit = 20.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, (codec, pix_fmt, options) in CLIPS.items():
            pictures = [coded(n) for n in range(FRAMES)]
            write(folder / name, pictures, codec, pix_fmt, options=options)
        for name, content in TEXT_FILES.items():
            (folder / name).write_bytes(content)
        self._whole = {name: (folder / name).read_bytes() for name in (*CLIPS, *TEXT_FILES)}

    def case(self, rng: Random) -> bool:
        name = rng.choice(list(self._whole))
        match rng.randrange(12):
            case 0:
                content = rng.randbytes(rng.choice((0, 1, 10, 1000, 50_000)))
            case 1:
                content = self._whole[name]
            case _:
                content = damage(rng, self._whole[name], list(self._whole.values()))
        if rng.random() < 0.1:
            name = rng.choice(list(self._whole))
        path = self._folder / f"case{Path(name).suffix}"
        path.write_bytes(content)
        settings = SourceSettings(str(path), **_choice(rng))
        index = -1
        with ExitStack() as stack:
            source = stack.enter_context(open_source(settings))
            sinks: list[Sink] = []
            if rng.random() < 0.1:
                ending = rng.choice(VIDEO_ENDINGS)
                out = wanted(
                    str(path), output=self._folder / f"out{ending}", audio=rng.random() < 0.5
                )
                sinks = open_sinks(out, [source], Keypoints("tiny", SKELETON))
                stack.enter_context(Together(sinks))
            for frame in islice(source, 2 * (settings.end or FRAMES) if settings.loop else MOST):
                if not np.isfinite(frame.time) or frame.index <= index:
                    raise Finding(f"frame {frame.index} at {frame.time} after {index}")
                index = frame.index
                for sink in sinks:
                    sink.write(Result(frame.time, (View(frame, tracks()),), {}))
        for note in source.notes:
            check_sentence(note)
        return index >= 0

    def close(self) -> None:
        pass


def _choice(rng: Random) -> dict[str, Any]:
    more: dict[str, Any] = {"flip": rng.random() < 0.1, "rotate": rng.choice((0, 0, 90, 180))}
    if rng.random() < 0.2:
        more.update(start=rng.randrange(2 * FRAMES), step=rng.randint(1, 3))
    if rng.random() < 0.1:
        more.update(loop=True, end=more.get("start", 0) + rng.randint(1, FRAMES))
    if rng.random() < 0.03:
        more.update(realtime=True)
    return more
