"""The README's example, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.conftest import ROOT
from tests.synth import crowd, scene, write_tiny_network, write_video

SIZE = (320, 256)


def test_the_example_in_python_runs(tmp_path: Path) -> None:
    """With another clip and the tiny network, which are not in the README."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    card = write_tiny_network(tmp_path, height=SIZE[1])
    pictures = [scene(crowd(2, SIZE, np.random.default_rng(n)), SIZE) for n in range(5)]
    clip = write_video(tmp_path / "clip.mkv", pictures, [n / 10 for n in range(5)])
    code = code.replace("clip.mp4", clip.name)
    code = code.replace("ModelSettings(height", f"ModelSettings({str(card)!r}, height")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        *("0 0.0 (2, 18, 2)", "2 0.2 (2, 18, 2)", "4 0.4 (2, 18, 2)")
    ]
