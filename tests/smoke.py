"""An installed package, tried as it is: python -I tests/smoke.py, in an environment that has it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import posestream
from posestream.demo import CLIP


def program(*words: str) -> str:
    """What the installed command says, run in a folder of its own; an error where it fails."""
    command = Path(sysconfig.get_path("scripts")) / "posestream"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [command, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
        )
        assert not words[1:] or (Path(folder) / "drawn.mp4").stat().st_size > 1000
    return done.stdout


def main() -> None:
    """Versions agree, a picture has its person, and the demo draws a video."""
    assert Path(posestream.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert program("--version") == f"posestream {version('posestream')}\n"
    with posestream.stream(CLIP, model="pafnet", end=1) as results:
        picture = next(results).image
    with posestream.Pose("pafnet") as pose:
        (person,) = pose(picture)
    assert person["nose"] is not None
    page = files("realtime.studio") / "page"
    assert all((page / name).is_file() for name in ("index.html", "takes.js", "vendor/uplot.js"))
    program("demo", "--no-show", "--quiet", "--end", "5", "-o", "drawn.mp4")
    sys.stdout.write(f"posestream {posestream.__version__} works on {sys.version.split()[0]}\n")


if __name__ == "__main__":
    main()
