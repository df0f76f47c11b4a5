"""A model, loaded once and called with pictures."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from engines.estimator import Estimator
from engines.models.card import load_card
from engines.opening import engine_opener
from engines.refining import second_look_opener
from engines.types.arrays import Image
from engines.types.poses import Poses
from posestream.errors import PosestreamError, translated
from posestream.people import People
from realtime.default_model import usual_model
from realtime.presets import with_preset
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from realtime.sources.images import read_image
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame
from realtime.types.results import Tracks

Picture = Image | str | os.PathLike[str]


class Pose:
    """Finds people in pictures.

    model: a name that `posestream models list` shows, or the path of a card; None for the usual
    one. device: "auto", "cuda" or "cpu". height: rows of the network's input; more find smaller
    people, in more time. refine: a crop network that looks again at each person, "auto" or "off".
    color: channel order of arrays, "bgr" (OpenCV) or "rgb" (Pillow, matplotlib).
    smooth: whether `track` smooths keypoints.

    Weights are fetched when an object is made, unless they are here. One object serves one thread.
    PosestreamError for what cannot be had.
    """

    @translated()
    def __init__(
        self,
        model: str | None = None,
        *,
        device: Literal["auto", "cuda", "cpu"] = "auto",
        precision: Literal["auto", "int8", "fp16", "fp32", "bf16"] = "auto",
        height: int | None = None,
        refine: str = "off",
        max_people: int | None = None,
        color: Literal["bgr", "rgb"] = "bgr",
        smooth: bool = False,
    ) -> None:
        if color not in ("bgr", "rgb"):
            raise PosestreamError(f"color must be 'bgr' or 'rgb', not {color!r}.")
        wanted = with_preset(
            ModelSettings(
                model=model,
                device=device,
                precision=precision,
                height=height,
                refine=refine,
                max_people=max_people,
            )
        )
        card = load_card(model) if model else usual_model(wanted.precision)
        self._opener = engine_opener(card, wanted, live=True)
        self._second_opener = second_look_opener(refine, card)
        self.model, self.skeleton = card.name, card.skeleton
        self._rgb, self._max_people = color == "rgb", max_people
        self._smooth: Literal["off", "one-euro"] = "one-euro" if smooth else "off"
        self._stack = ExitStack()
        self._engine: Estimator | None = None
        self._count = -1
        self.reset()

    def __call__(self, image: Picture | Sequence[Picture]) -> Any:
        """The People of a picture, or a list of People for a list of pictures.

        image: (H, W, 3) or (H, W) uint8, or the path of a file.
        """
        if isinstance(image, list | tuple):
            return [self(one) for one in image]
        assert not isinstance(image, Sequence) or isinstance(image, str)
        picture = self._picture(image)
        return People(Tracks.untracked(self._people(picture)), str(_name(image)))

    @translated()
    def track(self, image: Picture, time: float | None = None) -> People:
        """The People of the next frame of a video of your own, with ids that last.

        time: seconds when it was taken, rising; the clock's where it is left out.
        """
        picture, self._count = self._picture(image), self._count + 1
        now = clock.monotonic() if time is None else float(time)
        frame = Frame("camera", self._count, str(self._count), now, now, picture)
        tracks = self._tracker.update(frame, self._people(picture))
        return People(tracks, "camera", self._count, now)

    def reset(self) -> None:
        """Forget whom `track` has seen: another video begins."""
        settings = TrackSettings(smooth=self._smooth)
        self._tracker = CameraTracker(self.skeleton, settings, self._max_people)
        self._count = -1

    def close(self) -> None:
        """Let the network go."""
        self._engine = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @translated()
    def _people(self, picture: Image) -> Poses:
        """Of one picture, the best first."""
        if self._engine is None:
            self._engine = self._opener()
            self._stack.callback(self._engine.close)
            self._second = self._second_opener() if self._second_opener else None
            if self._second is not None:
                self._stack.callback(self._second.close)
        self._engine.submit([picture])
        (evidence,) = self._engine.result()
        poses = self._engine.decoder.decode(evidence)
        if self._second is not None:
            (poses,) = self._second.refine([picture], [poses])
        most = len(poses) if self._max_people is None else self._max_people
        return poses.some(np.argsort(-poses.person_score, kind="stable")[:most])

    @translated()
    def _picture(self, image: Picture) -> Image:
        if isinstance(image, str | os.PathLike):
            return read_image(os.fspath(image))
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size:
            raise PosestreamError(
                f"A picture is a (height, width, 3) array of uint8, not {array.dtype} of shape "
                f"{array.shape}; for a file give its path."
            )
        if array.ndim == 2 or array.shape[2] == 1:
            return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
        if array.shape[2] not in (3, 4):
            raise PosestreamError(f"A picture has 1, 3 or 4 channels, not {array.shape[2]}.")
        array = array[..., 2::-1] if self._rgb else array[..., :3]
        return np.array(array, order="C")  # a copy: a frame's picture is nobody else's to write


def _name(image: object) -> str:
    return Path(os.fspath(image)).stem if isinstance(image, str | os.PathLike) else ""
