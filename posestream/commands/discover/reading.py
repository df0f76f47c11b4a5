"""Recordings and photos as what landmarks are learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from calibration.geometry.camera import Camera
from engines.networks.landmarks import POOLED
from engines.types.arrays import Image
from engines.types.letterbox import Letterbox
from realtime.runtime.synchronizer import merge
from realtime.settings.sources import SourceSettings
from realtime.sources.rig_sources import open_fitting
from realtime.types.errors import SourceError
from realtime.types.frames import Frame, Source
from training.discover.clip import Clip, Pinholes, input_size, letterbox_into, make_clip

MOST = 600  # pictures that are kept, spread evenly


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """clip: what is learnt from. frames: of each of its pictures, source and frame number. boxes:
    of each source, how its pictures lie in the network's input.
    """

    clip: Clip
    frames: list[tuple[int, int]]
    boxes: list[Letterbox]


def read_footage(wanted: SourceSettings, longer: int, rig: Path | None) -> Footage:
    """The sources' pictures; with a rig straightened, and those of an instant together.

    longer: side in pixels of what the network sees. SourceError, SettingsError, TrainingError.
    """
    sources, cameras = open_fitting(replace(wanted, undistort=rig), rig, announce=rig is not None)
    if sources[0].live or sources[0].skeleton is not None:
        raise SourceError(
            f"{sources[0].name} is no recording. Landmarks are learnt from videos and photos; "
            "record a camera first: posestream webcam --record folder/"
        )
    kept: list[list[tuple[int, int, Image]]] = []
    boxes: dict[int, Letterbox] = {}
    size: tuple[int, int] | None = None
    stride = 1
    with ExitStack() as stack:
        for source in sources:
            stack.enter_context(source)
        for n, group in enumerate(_groups(sources, together=cameras is not None)):
            if n % stride:
                continue
            size = size or input_size(group[0][1].size, longer)
            found = []
            for camera, frame in group:
                box = boxes.get(camera)
                if box is None or box.picture != frame.size:
                    box = boxes[camera] = letterbox_into(size, frame.size)
                found.append((camera, frame.index, box.apply(frame.image)))
            kept.append(found)
            if len(kept) * len(found) > 2 * MOST:  # half as many, spread over all
                kept, stride = kept[::2], stride * 2
    flat = [*chain.from_iterable(kept)]
    pinholes = None
    if cameras is not None:
        fitted = [camera.scaled(boxes[n].picture) for n, camera in enumerate(cameras.cameras)]
        pinholes = _pinholes(fitted, [boxes[n] for n in range(len(fitted))])
    pictures, which = [image for *_, image in flat], [source for source, *_ in flat]
    clip = make_clip(pictures, which, pinholes)
    frames = [(source, index) for source, index, _ in flat]
    return Footage(clip, frames, [boxes[n] for n in sorted(boxes)])


def _groups(sources: list[Source], *, together: bool) -> Iterator[list[tuple[int, Frame]]]:
    """The frames of an instant that all cameras have; else one frame after the other."""
    if not together:
        for n, source in enumerate(sources):
            for frame in source:
                yield [(n, frame)]
        return
    for frames in merge([iter(source) for source in sources]):
        seen = [(n, frame) for n, frame in enumerate(frames) if frame is not None]
        if len(seen) == len(sources):
            yield seen


def _pinholes(cameras: list[Camera], boxes: list[Letterbox]) -> Pinholes:
    """The cameras in pixels of what the network sees."""
    matrices = []
    for camera, box in zip(cameras, boxes, strict=True):
        matrix = camera.matrix.copy()
        scale = np.array(box.scale) / POOLED
        middle = box.to_network(matrix[:2, 2].astype(np.float32))
        matrix[:2, 2] = (middle + 0.5) / POOLED - 0.5
        matrix[0, 0] *= scale[0]
        matrix[1, 1] *= scale[1]
        matrices.append(matrix)
    return Pinholes(
        np.stack(matrices),
        np.stack([camera.rotation for camera in cameras]),
        np.stack([camera.translation for camera in cameras]),
    )
