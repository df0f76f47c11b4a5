"""Images of every kind that OpenCV writes, damaged: one, a folder of them, or a pattern."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import cv2
import numpy as np

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from tests.fuzz.mutate import damage
from tests.fuzz.worker import check_sentence
from tests.heic import photo

KINDS = {
    "colour": (".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm", ".jp2", ".avif", ".pam", ".ras"),
    "grey": (".png", ".jpg", ".bmp", ".tiff", ".pgm", ".pbm"),
    "deep": (".png", ".tiff"),
    "dark": (".png", ".tiff", ".pgm", ".jp2"),
    "clear": (".png", ".tiff", ".webp"),
}
EXIF = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


class Kind:
    share = 1800
    limit = 60.0  # 400 bytes can be a JPEG of 300 megapixels
    # libjpeg inside OpenCV, which cannot be told to be silent.
    speaks = r"(Corrupt JPEG data|Premature end of JPEG|Warning: unknown JFIF|Invalid SOS).*"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "case"
        noise = np.random.default_rng(0)
        pictures = {
            "colour": cv2.resize(noise.integers(0, 256, (4, 5, 3), np.uint8), (50, 40)),
            "grey": noise.integers(0, 256, (30, 20), np.uint8),
            "deep": noise.integers(0, 65536, (20, 30, 3), np.uint16),
            "dark": noise.integers(0, 4096, (80, 90), np.uint16),
            "clear": noise.integers(0, 256, (20, 30, 4), np.uint8),
        }
        self._whole: list[tuple[str, bytes]] = []
        for kind, picture in pictures.items():
            for ending in KINDS[kind]:
                content = cv2.imencode(ending, picture)[1].tobytes()
                self._whole.append((ending, content))
                if ending == ".jpg":
                    self._whole.append((ending, content[:2] + EXIF + content[2:]))

        moving = cv2.Animation()
        moving.frames, moving.durations = [pictures["colour"][:, :, :3]] * 3, [100] * 3
        for ending in (".png", ".webp", ".avif"):
            content = cv2.imencodeanimation(ending, moving)[1].tobytes()
            self._whole.append((ending, content))
        for shape in (None, (1, 2)):
            path = photo(folder / "a.heic", pictures["colour"], shape=shape)
            self._whole.append((".heic", path.read_bytes()))
            path.unlink()
        pages = cv2.imencodemulti(".tiff", [pictures["colour"]] * 3)[1].tobytes()
        self._whole.append((".tiff", pages))

    def case(self, rng: Random) -> bool:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        count = rng.choice((1, 1, 2, 6))
        for n in range(count):
            ending, content = rng.choice(self._whole)
            if rng.random() < 0.9:
                content = damage(rng, content, [content for _, content in self._whole])
            if rng.random() < 0.1:
                content = rng.randbytes(rng.choice((0, 1, 100)))
            if rng.random() < 0.1:
                ending = rng.choice(KINDS["colour"])
            path = self._folder / f"{rng.choice(('a', 'img 1', 'é_2', '..x', '%d'))}{n}{ending}"
            path.write_bytes(content)
        ways = (self._folder, self._folder / "*", path)
        settings = SourceSettings(
            str(rng.choice(ways)),
            rotate=rng.choice((0, 0, 0, 90)),
            start=rng.choice((0, 0, 0, 1)),
        )
        given = 0
        with open_source(settings) as source:
            for frame in source:
                given += frame.image.size > 0
        for note in source.notes:
            check_sentence(note)
        return given > 0

    def close(self) -> None:
        pass
