"""The command that scores poses against labels."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from calibration.disk.replace import replace_file
from posestream.scoring import space_files
from posestream.scoring.labels.reading import read_json, read_labels
from posestream.scoring.measures.following import following
from posestream.scoring.measures.keypoint_shares import keypoint_shares
from posestream.scoring.measures.oks_ap import oks_ap
from posestream.scoring.measures.scenes import Found, Labels
from posestream.scoring.measures.space import space_figures
from posestream.scoring.results import read_results
from realtime.types.errors import OutputError
from realtime.writing.whole_files import check_file

Figures = dict[str, dict[str, float]]
MOST_SHOWN = 20  # figures of a measure; a file has all
PER_CENT = "PCK", "PCKh", "PDJ", "PCP", "PCP3D", "recall"


@dataclass(frozen=True)
class Options:
    """Score poses against labels.

    Labels are files of COCO, COCO-WholeBody, CrowdPose, PoseTrack, MPII, LSP, AI Challenger,
    MOTChallenge or, in 3D, Shelf, which are told by what is in them. Results are what the program
    writes with --coco, --json, --mot or --json3d. All measures are given that the labels allow.
    """

    labels: Path = field(metadata={"positional": True})
    """Label file of the pictures."""
    results: Path = field(metadata={"positional": True})
    """The poses: COCO results, a folder of OpenPose JSON (2D or 3D), or MOTChallenge text."""
    output: Path | None = field(default=None, metadata={"short": "o"})
    """Write the figures to this JSON file, too."""


def run(options: Options) -> None:
    """The figures as a table, and as a file where one is asked for."""
    if options.output is not None:
        check_file(options.output, "--output", [options.labels, options.results])
    data = read_json(options.labels) if options.labels.suffix.lower() == ".json" else None
    if space_files.recognises(data):
        truth = space_files.read_truth(data, options.labels)
        people = sum(map(len, truth))
        heading = f"3D labels: {people} people in {len(truth)} frames"
        figures = space_figures(truth, space_files.read_people(options.results, len(truth)))
    else:
        found, labels = read_results(options.results, read_labels(options.labels, data))
        heading = _heading(labels, found)
        figures = measured(labels, found)
    sys.stdout.write(f"{heading}\n" + "".join(f"{line}\n" for line in _lines(figures)))
    if options.output is not None:
        known = {
            name: {key: value if np.isfinite(value) else None for key, value in one.items()}
            for name, one in figures.items()
        }
        try:
            replace_file(options.output, (json.dumps(known, indent=2) + "\n").encode())
        except OSError as error:
            raise OutputError(f"{options.output} cannot be written: {error.strerror}.") from error


def measured(labels: Labels, found: Found) -> Figures:
    """Measure -> its figures; only those that the labels and the results allow."""
    figures: Figures = {}
    if labels.keypoints:
        if labels.official:
            figures["OKS"] = oks_ap(labels, found)
        figures |= keypoint_shares(labels, found)
    if labels.tracked and any((one.id >= 0).any() for one in found.pictures.values()):
        figures["following"] = following(labels, found)
    return figures


def _heading(labels: Labels, found: Found) -> str:
    words = [f"{labels.kind}: {labels.people} people in {len(labels.pictures)} pictures"]
    if found.lacking:
        words.append(
            f"{found.kind} have no {', '.join(found.lacking[:6])}"
            f"{' and others' if len(found.lacking) > 6 else ''}, so these keypoints are left out"
        )
    if found.elsewhere:
        words.append(f"{found.elsewhere} found people are in pictures without labels")
    return "; ".join(words)


def _lines(figures: Figures) -> list[str]:
    """A line for each measure, its mean first; of hands and faces the mean alone."""
    lines = []
    for measure, values in figures.items():
        if len(values) > MOST_SHOWN:
            values = {"mean": values["mean"]}
        each = "  ".join(
            f"{name} {_number(measure, name, value)}" for name, value in values.items()
        )
        lines.append(f"{measure:10s}{each}")
    return lines


def _number(measure: str, name: str, value: float) -> str:
    if not np.isfinite(value):
        return "-"
    if measure in PER_CENT:
        return f"{100 * value:.1f} %"
    if name == "mm":
        return f"{value:.1f}"
    return f"{value:.0f}" if name in ("switches", "misses", "false people") else f"{value:.4f}"
