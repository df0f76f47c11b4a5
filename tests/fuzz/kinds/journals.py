"""Journals of 3D people, files of lines and tables of recordings, as crashes and bad disks leave
them; what is recovered must be a beginning of what there was, and readable.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from random import Random

from calibration.files.rig_toml import rig_toml
from posestream.commands.calibrate.extrinsics import read_timestamps
from posestream.commands.files.recover import Options, run
from realtime.mocap.journal import Head, Journal
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.fuzz.mutate import damage, scramble
from tests.realtime.instants import instant

LINES = "".join(f'{{"index":{n},"people":[{{"id":{n}}}]}}\n' for n in range(30))
TABLE = "source,index,time,id\n" + "".join(f"cam,{n},{n / 30:.3f},1\n" for n in range(30))
TIMES = "sync_index,cam_id,frame_index,frame_time,camera\n" + "".join(
    f"{n // 2},{n % 2},{n // 2},{n / 30:.3f},cam{n % 2}\n" for n in range(30)
)


def journal(folder: Path) -> bytes:
    """Of two people in 20 frames."""
    file = io.BytesIO()
    outputs = tuple((one, str(folder / "out" / f"walk.{one}")) for one in ("trc", "bvh"))
    whole = Journal(file, Head(BODY25, 30, rig_toml(ring(2, radius=5)), outputs))
    for n in range(20):
        people = instant([body((n / 30, 0.5)), body((n / 30, 2))], [3, 7], n / 30).poses3d
        assert people is not None
        whole.add(n / 30, people)
    return file.getvalue()


class Kind:
    share = 800
    limit = 20.0
    speaks = r"posestream: .*(left out|torn).*"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = journal(folder)

    def case(self, rng: Random) -> bool:
        shutil.rmtree(self._folder / "out", ignore_errors=True)
        (self._folder / "out").mkdir()
        match rng.randrange(4):
            case 0:
                return self._table(rng)
            case 1:
                return self._lines(rng)
            case _:
                return self._takes(rng)

    def _takes(self, rng: Random) -> bool:
        path = self._folder / "walk.takes"
        path.write_bytes(damage(rng, self._journal))
        with contextlib.redirect_stdout(io.StringIO()):
            run(Options(path))
        for file in (self._folder / "out").glob("*.trc"):
            head, *_rows = file.read_text().splitlines()[2:]
            assert int(head.split("\t")[2]) == len(_rows) - 3
        return True

    def _lines(self, rng: Random) -> bool:
        name, whole = rng.choice((("a.jsonl", LINES), ("a.csv", TABLE)))
        path = self._folder / name
        path.write_bytes(damage(rng, whole.encode()))
        before = path.read_bytes()
        with contextlib.redirect_stdout(io.StringIO()):
            run(Options(path))
        after = path.read_bytes()
        assert before.startswith(after)
        if name == "a.jsonl" and after:
            json.loads(after.splitlines()[-1])
        return True

    def _table(self, rng: Random) -> bool:
        path = self._folder / "timestamps.csv"
        text = scramble(rng, TIMES)
        if rng.random() < 0.5:
            text = text[: rng.randrange(len(text) + 1)]
        path.write_bytes(text.encode(errors="surrogatepass"))
        return len(read_timestamps(path, 2)) == 2

    def close(self) -> None:
        pass
