"""A model, loaded once and called with pictures."""

from __future__ import annotations

import os
import time as clock
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np

from engines.console.options import build
from engines.estimator import Estimator
from engines.models.card import load_card
from engines.nvidia.open import choose
from engines.opening import engine_opener
from engines.parts.kinds import GROUPS
from engines.parts.opening import parts_opener
from engines.parts.parts_look import PartsLook
from engines.refining import refined_skeleton, second_look_opener, with_finders
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Image
from engines.types.device import DeviceChoice
from posestream.arguments import checked
from posestream.errors import PosestreamError, translated
from posestream.people import People
from realtime.default_model import decided, with_needed_refine
from realtime.looks import Looks
from realtime.presets import with_preset
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from realtime.sources.images import read_image
from realtime.sources.remote.web_files import fetch, is_web_file
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame
from realtime.types.results import Tracks

Picture = Image | str | os.PathLike[str]


class Pose:
    """Finds people in pictures.

    model: a name that `posestream models list` shows, or the path of a card; None for the most
    accurate of the usual two that is here. preset: "fast", "balanced", "best" or "auto" sets model,
    height and refine together, except those that you give. device: "auto", "cuda", "cuda:1" or
    "cpu". height: rows of the network's input; more find smaller people, in more time. refine: a
    crop network that looks again at each person, "auto" or "off"; None is the preset's, or the
    usual one of the model. detector: the card of a network that finds boxes of people, whom the
    model may have missed, for refine to look at. crowd: "graph" tells whose the keypoints of
    overlapping people are, by one assignment over all of their crops (CrowdPose). assemble: "ilp"
    makes people of all keypoints at once, by an integer linear program (DeepCut), for photos; it
    needs scipy. hands, face, feet: also find these, by networks of their own; whole_body: all
    three. max_people: those with the best scores; of `track`, with the oldest ids. color: channel
    order of arrays, "bgr" (OpenCV) or "rgb" (Pillow, matplotlib). smooth: whether `track` smooths
    keypoints.

    Weights are fetched when an object is made, unless they are here. One object serves one thread.
    PosestreamError for what cannot be had.
    """

    @translated()
    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        preset: Literal["fast", "balanced", "best", "auto"] | None = None,
        device: str = "auto",
        precision: Literal["auto", "int8", "fp16", "fp32", "bf16"] = "auto",
        height: int | None = None,
        refine: str | None = None,
        detector: str | os.PathLike[str] | None = None,
        crowd: Literal["crops", "graph"] = "crops",
        assemble: Literal["limbs", "ilp"] | None = None,
        hands: bool = False,
        face: bool = False,
        feet: bool = False,
        whole_body: bool = False,
        max_people: int | None = None,
        color: Literal["bgr", "rgb"] = "bgr",
        smooth: bool = False,
    ) -> None:
        if color not in ("bgr", "rgb"):
            raise PosestreamError(f"color must be 'bgr' or 'rgb', not {color!r}.")
        options = {
            "model": model,
            "preset": preset,
            "device": device,
            "precision": precision,
            "height": height,
            "refine": refine,
            "detector": detector,
            "crowd": crowd,
            "assemble": assemble,
            "hands": hands,
            "face": face,
            "feet": feet,
            "whole_body": whole_body,
            "max_people": max_people,
        }
        asked = build(ModelSettings, checked(ModelSettings, options, ""))
        applied = with_preset(asked)
        kind = choose(applied.device, applied.gpus)
        wanted = with_needed_refine(decided(applied, kind, rig=False), asked)
        assert wanted.model is not None
        card, look_again = load_card(wanted.model), wanted.refine or "off"
        self._opener = engine_opener(card, wanted, live=True, device=kind)
        groups = {group for part in wanted.parts for group in GROUPS[part]}
        body = refined_skeleton(look_again, card, groups)
        second = second_look_opener(
            look_again,
            card,
            skeleton=body,
            device=self._opener.device,
            gpu=DeviceChoice.parse(device).number,
        )
        self._second_opener = second and with_finders(second, wanted.detector, wanted.crowd)
        self._parts_opener = parts_opener(wanted.parts, body)
        self.model = card.name
        self.skeleton = self._parts_opener.skeleton if self._parts_opener else body
        self._rgb, self._max_people = color == "rgb", max_people
        self._smooth: Literal["off", "one-euro"] = "one-euro" if smooth else "off"
        self._stack = ExitStack()
        self._opened: _Opened | None = None
        self._count: int
        self._time: float
        self.reset()

    @overload
    def __call__(self, image: Picture) -> People: ...
    @overload
    def __call__(self, image: list[Any] | tuple[Any, ...]) -> list[People]: ...
    @translated()
    def __call__(self, image: Any) -> People | list[People]:
        """The People of a picture, the best first, or a list of People for a list of pictures.

        image: (H, W, 3) or (H, W) uint8, the path of a file, or its address on the web.
        """
        if isinstance(image, list | tuple):
            return [self(one) for one in image]
        picture = self._picture(image)
        tracks = self._look(None, Frame("", 0, "", 0.0, 0.0, picture))
        most = len(tracks) if self._max_people is None else self._max_people
        best = np.argsort(-tracks.poses.person_score, kind="stable")[:most]
        return People(tracks.some(best), _name(image))

    @translated()
    def track(self, image: Picture, time: float | None = None) -> People:
        """The People of the next frame of a video of your own, with ids that last.

        time: seconds when it was taken, rising; those since the object was made, or
        `reset`, where it is left out.
        """
        picture = np.array(self._picture(image))  # a copy: the tracker looks back at it
        now = clock.monotonic() - self._began if time is None else float(time)
        if now <= self._time:
            raise PosestreamError(
                f"Times of frames must rise: {now:g} s follows {self._time:g} s. Another video "
                "begins with reset()."
            )
        self._count, self._time = self._count + 1, now
        frame = Frame("camera", self._count, str(self._count), now, now, picture)
        return People(self._look(self._tracker, frame), "camera", self._count, now)

    def reset(self) -> None:
        """Forget whom `track` has seen: another video begins."""
        settings = TrackSettings(smooth=self._smooth)
        self._tracker = CameraTracker(self.skeleton, settings, self._max_people)
        self._count, self._time = -1, -inf
        self._began = clock.monotonic()

    def close(self) -> None:
        """Let the networks go; they come again with the next call."""
        self._opened = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self, tracker: CameraTracker | None, frame: Frame) -> Tracks:
        """The people of a frame, by all networks."""
        opened = self._opened = self._opened or self._open()
        opened.engine.submit([frame.image])
        (evidence,) = opened.engine.result()
        seen = opened.engine.decoder.decode(evidence), evidence
        (view,) = Looks([tracker], opened.second, opened.parts).meet((frame,), [seen])
        assert view is not None
        return view.tracks

    def _open(self) -> _Opened:
        def closed_later(thing: Any) -> Any:
            self._stack.callback(thing.close)
            return thing

        return _Opened(
            closed_later(self._opener()),
            closed_later(self._second_opener()) if self._second_opener else None,
            closed_later(self._parts_opener()) if self._parts_opener else None,
        )

    def _picture(self, image: object) -> Image:
        """(H, W, 3) uint8 BGR, contiguous; of an array as it is needed no copy is made."""
        if isinstance(image, str | os.PathLike):
            return _read(os.fspath(image))
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size:
            raise PosestreamError(
                f"A picture is a (height, width, 3) array of uint8, not {_described(image)}; for a "
                "file give its path."
            )
        if array.ndim == 2 or array.shape[2] == 1:
            return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
        if array.shape[2] not in (3, 4):
            raise PosestreamError(f"A picture has 1, 3 or 4 channels, not {array.shape[2]}.")
        array = array[..., 2::-1] if self._rgb else array[..., :3]
        return np.ascontiguousarray(array).view()  # a frame's picture is read-only, the user's not


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """The networks, as long as they are open."""

    engine: Estimator
    second: SecondLook | None
    parts: PartsLook | None


def _read(path: str) -> Image:
    if not is_web_file(path):
        return read_image(path)
    with ExitStack() as stack:
        return read_image(fetch(path, stack))


def _described(image: object) -> str:
    array = np.asarray(image)
    if array.dtype == object or not isinstance(image, np.ndarray):
        return type(image).__name__
    return f"{array.dtype} of shape {array.shape}"


def _name(image: object) -> str:
    return Path(os.fspath(image)).stem if isinstance(image, str | os.PathLike) else ""
