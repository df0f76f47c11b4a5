"""Discover landmarks of a thing that nobody labelled, and write a model that streams them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engines.console.arguments import parse
from engines.types.errors import UsageError
from posestream.commands.program import reported

PROG = "python -m posestream discover"
POINTS, LONGER = (2, 40), (48, 256)  # least and most


@dataclass(frozen=True)
class Options:
    """Learn landmarks of one thing from a video or photos of it, without labels, and write a model
    card that streams them: posestream webcam --model thing.toml
    """

    source: tuple[str, ...] = field(metadata={"short": "s", "rest": True})
    """Videos, folders of photos or globs of one thing; with --rig one for each camera."""
    output: Path = field(metadata={"short": "o"})
    """Model card to write, NAME.toml; NAME.onnx and the contact sheet NAME.png go beside it."""
    points: int = 10
    """How many landmarks."""
    minutes: float = 15.0
    """How long to learn."""
    steps: int | None = None
    """Stop after so many steps, if that is sooner."""
    size: int = 128
    """Longer side in pixels of what the network sees; smaller ones learn more in the same time."""
    edges: bool = False
    """Learn which landmarks are joined as well; these are the limbs. By default they follow from
    the distances that last."""
    rig: Path | None = None
    """Calibrated cameras (rig.toml): landmarks agree between views."""
    features: Path | None = None
    """A network (.onnx, BGR pixels of any size to maps) whose maps landmarks are read from in place
    of a U-Net's that is learnt; it becomes part of the model."""
    labels: tuple[str, ...] = field(default=(), metadata={"values": True})
    """OpenPose JSON of each source, for a comparison alone: a folder that --json wrote."""
    run: Path | None = None
    """Folder of the run, which can be stopped and gone on with; NAME.run beside the card by
    default."""
    start: int = 0
    """First frame to use, counted from 0."""
    end: int | None = None
    """Stop before this frame."""
    step: int = 1
    """Use every N-th frame."""
    rotate: int = 0
    """Rotate the pictures clockwise by this many degrees: 0, 90, 180 or 270."""
    batch: int = 12
    """Pictures in a step."""
    seed: int = 1
    """Of what is random."""
    threads: int = 2
    """Processor threads."""
    overwrite: bool = False
    """Write over files that are there."""

    def __post_init__(self) -> None:
        if self.output.suffix != ".toml":
            raise UsageError(f"--output {self.output} must end in .toml: it is the model card.")
        for name, (least, most) in (("points", POINTS), ("size", LONGER)):
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"--{name} must be from {least} to {most}.")
        if not 0 < self.minutes <= 100_000:
            raise UsageError("--minutes must be above 0.")
        if self.steps is not None and self.steps < 1:
            raise UsageError("--steps must be 1 or more.")
        if not 2 <= self.batch <= 512:
            raise UsageError("--batch must be from 2 to 512.")
        if not 1 <= self.threads <= 256:
            raise UsageError("--threads must be from 1 to 256.")
        if self.rotate not in (0, 90, 180, 270):
            raise UsageError("--rotate must be 0, 90, 180 or 270.")
        for path in (self.output, self.output.with_suffix(".onnx")):
            if path.exists() and not self.overwrite:
                raise UsageError(f"{path} is there already; add --overwrite to write over it.")


def main(arguments: Sequence[str] | None = None, prog: str = PROG) -> int:
    """Run the job that the arguments name; the exit code says how it went."""
    words = sys.argv[1:] if arguments is None else arguments

    def job() -> int:
        options = parse(Options, prog, words=words)
        try:
            from posestream.commands.discover.job import discover
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the package {error.name} is missing; run: pip install 'posestream[train]' "
                "(in a checkout: pip install -r requirements-train.txt)"
            ) from error
        sys.stdout.write(discover(options))
        return 0

    return reported(job, _errors)


def _errors() -> tuple[type[Exception], ...]:
    from calibration.geometry.errors import CalibrationError
    from realtime.types.errors import RealtimeError
    from training.data.errors import TrainingError

    return RealtimeError, CalibrationError, TrainingError
