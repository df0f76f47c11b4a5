"""Folders of OpenPose JSON that went wrong, through the whole program to files of every kind."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
from random import Random
from typing import Any

from realtime.assembly import stream
from tests.fuzz.mutate import damage, scalar, scramble, spoil, value
from tests.fuzz.worker import Finding
from tests.realtime.wanted import settings

STEMS = ("cam_{:012d}_keypoints", "{}", "a", "9" * 20 + "_{}", "é {}", "{}_x")
COUNTS = (25, 25, 25, 25, 18, 17, 1)


class Kind:
    share = 1200
    limit = 20.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "case"

    def case(self, rng: Random) -> bool:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        people = self._folder / "in"
        people.mkdir()
        stem, count = rng.choice(STEMS), rng.choice(COUNTS)
        for n in range(rng.randint(1, 4)):
            path = people / f"{stem.format(n)}.json"
            path.write_bytes(_content(rng, count))
        source = rng.choice((people, people, people / "*.json", path))
        size = rng.choice((None, None, None, "640x480", "1x1"))
        rate = rng.choice((None, None, 25.0, 0.01, 1e4, 1e-320, 1e39, math.nan))
        out = self._folder / "out"
        outputs: dict[str, Any] = {
            "json": out / "json" if rng.random() < 0.5 else None,
            "json_skeleton": rng.choice((None, None, "coco17", "coco18", "body25")),
            "jsonl": out / "all.jsonl" if rng.random() < 0.5 else None,
            "csv": out / "all.csv" if rng.random() < 0.5 else None,
            "stats": out / "stats.json" if rng.random() < 0.3 else None,
            "coco": out / "coco.json" if rng.random() < 0.5 else None,
            "output": out / rng.choice(("pictures", "a.mp4")) if rng.random() < 0.1 else None,
        }
        outputs |= {"camera_size": size, "camera_fps": rate}
        accepted = 0
        try:
            for _ in stream(settings(str(source), **outputs)):
                accepted += 1
        finally:
            for file in out.rglob("*"):
                _check(file)
        return accepted > 0

    def close(self) -> None:
        pass


def _content(rng: Random, count: int) -> bytes:
    """A file of so many keypoints; seldom a whole one."""
    data = {
        "version": 1.3,
        "people": [
            {
                "person_id": [-1],
                "pose_keypoints_2d": [rng.choice((0, 0.5, rng.gauss(200, 150)))] * 3 * count,
                "face_keypoints_2d": [],
            }
            for _ in range(rng.randrange(4))
        ],
    }
    match rng.randrange(8):
        case 0 | 1:
            return json.dumps(spoil(rng, data)).encode()
        case 2:
            return damage(rng, json.dumps(data).encode())
        case 3:
            return scramble(rng, json.dumps(data, indent=1)).encode(errors="surrogatepass")
        case 4:
            return json.dumps(value(rng)).encode()
        case 5:
            person: Any = [scalar(rng) for _ in range(3 * count)]
            return json.dumps({"people": [{"pose_keypoints_2d": person}]}).encode()
        case 6:
            return rng.choice((b"[" * 100_000, b"", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[]"))
        case _:
            return json.dumps(data).encode()


def _check(file: Path) -> None:
    """What was written can be read by anyone, and has numbers alone."""
    if file.suffix == ".jsonl":
        for line in file.read_text().splitlines():
            json.loads(line, parse_constant=_refuse)
    elif file.suffix == ".json":
        json.loads(file.read_text(), parse_constant=_refuse)
    elif file.suffix == ".csv":
        for row in csv.DictReader(file.open(newline="")):
            cells = [cell for name, cell in row.items() if name not in ("source",) and cell]
            if not all(math.isfinite(float(cell)) for cell in cells):
                raise Finding(f"{file.name} has {row}")


def _refuse(constant: str) -> None:
    raise Finding(f"{constant} is no JSON")
