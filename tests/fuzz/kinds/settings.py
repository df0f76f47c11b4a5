"""Settings as Python programs give them, up to the sources and outputs that they name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import cv2
import numpy as np

from realtime.settings.all import Settings
from realtime.sinks.opening import open_sinks
from realtime.sources import open_sources
from realtime.types.model import Keypoints
from tests.fuzz.mutate import NUMBERS, TEXTS, scalar, scramble
from tests.realtime.wanted import GROUPS
from tests.synth import SKELETON

SOURCES = (
    *("photo.png", "photo.png", "photo.png", "*.png", "webcam:7"),
    *("photo.png", "webcam:7", "webcam:", "webcam:x", "here", "here/*", "*.png", "7", "absent.mp4"),
    *("rtsp://user:secret@127.0.0.1:1/x", "http://127.0.0.1:99999/", "ftp://127.0.0.1/", "rtsp://"),
    *("http://[::1", "https://127.0.0.1:x/", "photo.png/x", ".", "~nobody/x", "a\0b", "a\0b/*.png"),
)
ADDRESSES = (
    *("8080", "127.0.0.1:0", "0.0.0.0:80", "[::1]:8080", "localhost:", ":8080", "127.0.0.1:99999"),
    *("127.0.0.1:-1", "[::1]", "127.0.0.1:0x50", "127.0.0.1:٣", "[::]:1", "127.1:9", "a..b:1"),
)
PATHS = (
    *("out", "out.mp4", "out.avi", "out.png", "out.xyz", "photo.png", "photo.png/x", "here", ""),
    *(".", "/proc/none", "/dev/full", "a" * 300 + ".mp4", "a\0.mp4", "a\nb.mp4", "é.mkv"),
)


class Kind:
    share = 1000
    limit = 10.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        cv2.imwrite(str(folder / "photo.png"), np.zeros((8, 8, 3), np.uint8))
        (folder / "here").mkdir(exist_ok=True)

    def case(self, rng: Random) -> bool:
        sources = tuple(_word(rng, SOURCES) for _ in range(rng.choice((1, 1, 1, 2, 3))))
        own: dict[str, dict[str, Any]] = {"sources": {"source": sources}, "window": {"show": False}}
        settings = Settings(
            **{
                name: kind(**_values(rng, kind, **own.get(name, {})))
                for name, kind in GROUPS.items()
            }
        )
        opened = open_sources(settings.sources)
        model = Keypoints("tiny", SKELETON)
        open_sinks(settings, opened, model)
        return True

    def close(self) -> None:
        pass


def _word(rng: Random, known: tuple[str, ...]) -> str:
    word = rng.choice(known)
    if rng.random() < 0.25:
        word = scramble(rng, word) if rng.random() < 0.7 else rng.choice(TEXTS)
    # Patterns of a whole disk take their time, names of hosts ask a server.
    return "photo.png" if word.startswith(("/", "~")) and "*" in word else word


def _values(rng: Random, kind: type, **own: Any) -> dict[str, Any]:
    """Values of the types that fields have; type checkers and the parser see to the rest."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name in own or rng.random() < 0.97:
            continue
        hint = str(hints[field.name])
        if "Path" in hint:
            own[field.name] = Path(_word(rng, PATHS))
        elif field.name in ("serve", "udp"):
            own[field.name] = _word(rng, ADDRESSES)
        elif "Literal" in hint:
            own[field.name] = rng.choice(hints[field.name].__args__)
            if not isinstance(own[field.name], str | int):
                del own[field.name]
        elif "bool" in hint:
            own[field.name] = True
        elif "str" in hint:
            own[field.name] = rng.choice(("1x1", "640x480", "0x5", "99999x99999", *TEXTS))
        elif "float" in hint:
            own[field.name] = rng.choice([float(n) for n in NUMBERS if abs(n) < 1e300 or n != n])
        elif "int" in hint:
            own[field.name] = rng.choice((0, 1, 2, -1, 3, 100, 2**31, 2**63, 10**30))
        else:
            own[field.name] = scalar(rng)
    return own
