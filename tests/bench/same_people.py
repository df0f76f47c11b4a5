"""Whether this checkout finds the people that another one does, to the digit.

    python -m tests.bench.same_people OTHER [--precision int8] [--height 256]

Runs run.py of both over coco-dev's photos and compares their --json files byte by byte.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import DATA, ROOT, with_weights


def written(checkout: Path, folder: Path, options: list[str]) -> Path:
    """The folder of OpenPose JSON that a checkout writes."""
    source = str(DATA / "coco-dev" / "images")
    command = [sys.executable, "run.py", "--source", source, "--no-show", "--quiet", *options]
    command += ["--no-track", "--json", str(folder)]
    subprocess.run(command, cwd=checkout, env=with_weights(), check=True)
    return folder


def main() -> int:
    """Print how many files differ; 1 if any does."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("other", type=Path)
    ask.add_argument("--precision", default="int8")
    ask.add_argument("--height", default="256")
    args = ask.parse_args()
    options = ["--precision", args.precision, "--height", args.height]
    with tempfile.TemporaryDirectory() as name:
        ours = written(ROOT, Path(name) / "ours", options)
        theirs = written(args.other, Path(name) / "theirs", options)
        names = sorted(path.name for path in ours.iterdir())
        same, differ, lacking = filecmp.cmpfiles(ours, theirs, names, shallow=False)
        only = set(names) ^ {path.name for path in theirs.iterdir()}
    print(f"{len(same)} of {len(names)} files identical; {len(differ)} differ {differ[:5]}")
    return int(bool(differ or lacking or only))


if __name__ == "__main__":
    sys.exit(main())
