"""Discovered landmarks as an ONNX file and the card that streams them without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engines.networks.landmarks import POOLED, Shipped
from engines.networks.to_onnx import module_onnx
from training.data.errors import TrainingError
from training.discover.learner import Learner
from training.discover.skeleton import skeleton_text
from training.shipping.export import weights_table


def export_landmarks(
    learner: Learner, limbs: Sequence[tuple[int, int]], output: Path, *, title: str, minutes: float
) -> None:
    """Write NAME.onnx and then NAME.toml, the card. TrainingError where they cannot be written."""
    wide, high = (POOLED * side for side in learner.clip.size)
    network = Shipped(learner.slow.module).cpu().eval()
    content = module_onnx(network, {"points": "points"}, (wide, high)).SerializeToString()
    graph = output.with_suffix(".onnx")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        _replace(graph, content)
        head = f"""title = {json.dumps(title, ensure_ascii=False)}
licence = "yours"
# Landmarks that posestream discover found without labels, in {minutes:.1f} minutes and
# {learner.step} steps. They have numbers, not names: rename keypoints here as you like.

[input]
stride = 16
size = [{wide}, {high}]
colour = "bgr"
place = "centre"

[decoder]
kind = "regression"
order = "xy"

"""
        text = head + skeleton_text(learner.points, limbs)
        text += weights_table((graph,), {"points": "points"})
        _replace(output, text.encode())
    except OSError as error:
        raise TrainingError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
