"""What an output says of all of its records: the first line of JSON lines, and the like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.skeleton import Skeleton
from engines.version import __version__
from realtime.types.results import Result
from realtime.types.start import Start

PROGRAM = f"posestream {__version__}"
SCORE = "0 to 1, 1 = sure"
UNITS = {
    "keypoints": "x, y in pixels of the upright picture, 0, 0 = centre of its top left pixel; "
    f"score {SCORE}; 0, 0, 0 = not found",
    "score": f"of a person, {SCORE}; what was not found of the person counts 0",
    "angles": "degrees between the limbs that meet in a joint, as seen in the picture: 180 = "
    "straight; or null",
    "speed": "pixels per second against the background, or null",
    "movement": "with --events: speed in metres per second; hips over standing ankles in leg "
    "lengths; counts so far; events recognised at this frame, with times in seconds (see time), "
    "lengths in metres, speeds in metres per second, angles in degrees; or null",
}
LIVE_TIME = "seconds since the run started"
FILE_TIME = "seconds on the file's own clock"
# What is said of the 3D people.
SPACE = {
    "in": "the first line of frames taken together",
    "unit": "metre",
    "id": "as in people, -1 there = not in space",
    "xyz": "a point or null for each keypoint, in the world of the rig",
    "error": "pixels between it and what its views saw (root mean square), or null",
    "views": "how many cameras it rests on",
    "covariance": "of xyz in square metres, [xx, xy, xz, yy, yz, zz], or null",
    "filled": "1 = carried or guided by what came before, 0 = seen",
    "angles": "degrees between the limbs that meet in a joint, in space: 180 = straight; or null",
    "movement": "as in people, which do not have it then",
}


class Camera(Protocol):
    """What a source says of itself."""

    @property
    def name(self) -> str: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def live(self) -> bool: ...


class Header:
    """How to read the results of a run, as plain values.

    sources: their names, fps (None = not known) and whether they are live; the sizes of their
    pictures are learnt from results. rig: where there are 3D people. paced: whether what is live
    are files that play at their own speed, whose times are their own.
    """

    def __init__(
        self,
        model: str,
        skeleton: Skeleton,
        sources: Sequence[Camera],
        rig: Rig | None = None,
        start: Start | None = None,
        *,
        paced: bool = False,
    ) -> None:
        self.model, self.skeleton, self.rig = model, skeleton, rig
        self.names = [source.name for source in sources]
        self._sources = sources
        self._paced = paced
        self._start = start or Start.now()
        self._sizes: list[tuple[int, int] | None] = [None] * len(sources)

    def see(self, result: Result) -> tuple[tuple[int, int] | None, ...]:
        """Learn the sizes of pictures, which are given back, None = not known yet."""
        for n, view in enumerate(result.views):
            if view is not None:
                self._sizes[n] = view.frame.size
        return (*self._sizes,)

    @property
    def common(self) -> dict[str, Any]:
        """What all outputs say."""
        skeleton = self.skeleton
        return {
            "program": PROGRAM,
            "model": self.model,
            "skeleton": {
                "name": skeleton.name,
                "keypoints": list(skeleton.keypoints),
                "limbs": [list(limb) for limb in skeleton.drawn],
            },
            "started": {"utc": self._start.iso, "epoch": round(self._start.epoch, 6)},
        }

    @property
    def started(self) -> str:
        """When the run began, to the minute, UTC."""
        return f"{self._start.iso[:16].replace('T', ' ')} UTC"

    @property
    def clock(self) -> str:
        """What times count."""
        live = any(source.live for source in self._sources) and not self._paced
        return LIVE_TIME if live else FILE_TIME

    @property
    def all(self) -> dict[str, Any]:
        """What JSON lines say, which hold 2D and 3D people.

        sources: the names, cameras: of each the name, fps and the size of its pictures (width and
        height in pixels) so far, null = not known yet.
        """
        cameras = [
            {"name": one.name, "fps": one.rate, "size": size and list(size), "live": one.live}
            for one, size in zip(self._sources, self._sizes, strict=True)
        ]
        header = {
            **self.common,
            "sources": self.names,
            "cameras": cameras,
            "units": {"time": self.clock, **UNITS},
        }
        if self.rig is not None:
            header["space"] = {"up": upwards(self.rig).tolist(), **SPACE}
        return header

    @property
    def line(self) -> str:
        """`all` as a line of JSON."""
        return json.dumps(self.all, separators=(",", ":"))
