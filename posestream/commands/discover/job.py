"""From pictures to a card, a contact sheet and a few figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

import numpy as np

from engines.models.card import load_card
from posestream.commands.discover.labels import compared, read_labels
from posestream.commands.discover.main import Options
from posestream.commands.discover.reading import read_footage
from posestream.commands.discover.sheet import write_sheet
from realtime.settings.sources import SourceSettings
from training.discover.learner import Learner
from training.discover.measures import Measures, measure, places
from training.discover.rig_measures import RigMeasures, measure_rig
from training.discover.skeleton import limbs, name_of
from training.discover.train import DiscoverSettings, learn
from training.shipping.landmark_export import export_landmarks

MOVING = (
    "The background is not the same in all pictures: the camera moves, or they are photos. So "
    "landmarks may rest on the background; look for that on the contact sheet.\n"
)


def discover(options: Options, clock: Callable[[], float] = time.monotonic) -> str:
    """Learn, write the card with what goes beside it, and say how good the landmarks are."""
    wanted = SourceSettings(
        options.source,
        start=options.start,
        end=options.end,
        step=options.step,
        rotate=options.rotate,  # type: ignore[arg-type]
    )
    footage = read_footage(wanted, options.size, options.rig)
    clip = footage.clip
    if clip.bases is None:
        sys.stderr.write(MOVING)
    labels = read_labels(options.labels, footage) if options.labels else None
    settings = DiscoverSettings(
        options.run or options.output.with_suffix(".run"),
        points=options.points,
        minutes=options.minutes,
        steps=options.steps,
        batch=options.batch,
        edges=options.edges,
        seed=options.seed,
        threads=options.threads,
        features=options.features,
    )
    learner = learn(clip, settings, clock)
    xy, sure = places(learner.find, clip.pictures)
    export_landmarks(
        learner,
        limbs(learner, xy * np.array(clip.aspect)),
        options.output,
        title=f"Landmarks of {', '.join(options.source)}",
        minutes=learner.seconds / 60,
    )
    sheet = options.output.with_suffix(".png")
    write_sheet(sheet, clip, xy, sure, load_card(str(options.output)).skeleton)
    _, held = clip.split()
    errors = None if labels is None else compared(xy, labels, clip)
    rig = None if clip.pinholes is None else measure_rig(learner)
    said = report(learner, measure(learner.find, clip, held), rig, errors)
    return (
        f"{said}{options.output}, {options.output.with_suffix('.onnx').name}, {sheet.name}: look "
        f"at {sheet.name} first.\nStream them: posestream webcam --model {options.output}\n"
    )


def report(
    learner: Learner,
    found: Measures,
    rig: RigMeasures | None,
    errors: Mapping[str, tuple[float, float]] | None,
) -> str:
    """The measures in sentences."""
    lines = [
        f"{learner.points} landmarks after {learner.seconds / 60:.1f} minutes, {learner.step} "
        "steps; on pictures held back, in shares of their longer side:",
        f"  {found.equivariance:.2%} off under warps, {found.spread:.1%} between the two nearest, "
        f"{found.nearest:.1%} to the nearest on average",
    ]
    if learner.clip.bases is not None and found.still:
        lines.append(
            f"  {found.still} of {learner.points} never move; they are part of the background if "
            "the thing moved"
        )
    if rig is not None:
        worst = name_of(int(np.argmax(rig.each)), learner.points)
        lines += [
            f"  views agree on places in 3D within {rig.disagreement:.3f} m and on triangulated "
            f"ones within {rig.reprojection:.1f} pixels of {max(learner.clip.size)}; their "
            f"relative pose, from the landmarks alone, is {rig.turn:.1f} degrees off",
            f"  they agree least on {worst}, within {max(rig.each):.1f} pixels: trust it least",
        ]
    if errors:
        lines.append(
            "  labels by linear regression, in shares of the thing's size (the torso), and by "
            "their mean place alone:"
        )
        lines += [
            f"    {name}: {error:.1%}, {blind:.1%}" for name, (error, blind) in errors.items()
        ]
    return "".join(f"{line}\n" for line in lines)
