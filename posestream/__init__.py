"""Real-time multi-person poses, in 2D and 3D: the package as other programs use it.

>>> import posestream
>>> pose = posestream.Pose("pafnet")                        # doctest: +SKIP
>>> for person in pose("photo.jpg"):                        # doctest: +SKIP
...     print(person.id, person["left_wrist"])

What is listed in `__all__` is kept stable; realtime, engines, calibration and training are what it
is made of and may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calibration.board.target import Board
    from calibration.geometry.camera import Camera, Rig
    from engines.version import __version__
    from posestream.calibration import Lens, calibrate_lens, calibrate_rig, load_board, save_rig
    from posestream.errors import PosestreamError
    from posestream.people import People, Person
    from posestream.pose import Pose
    from posestream.space import Points3D, load_rig, triangulate
    from posestream.streams import People3D, Seen, Stream, astream, run, stream
    from posestream.tables import to_arrow, to_pandas
    from posestream.tracker import Tracker

__all__ = [
    "Board",
    "Camera",
    "Lens",
    "People",
    "People3D",
    "Person",
    "Points3D",
    "Pose",
    "PosestreamError",
    "Rig",
    "Seen",
    "Stream",
    "Tracker",
    "__version__",
    "astream",
    "calibrate_lens",
    "calibrate_rig",
    "load_board",
    "load_rig",
    "run",
    "save_rig",
    "stream",
    "to_arrow",
    "to_pandas",
    "triangulate",
]

_HOMES = {
    "calibration.board.target": ("Board",),
    "calibration.geometry.camera": ("Camera", "Rig"),
    "posestream.calibration": (
        *("Lens", "calibrate_lens", "calibrate_rig", "load_board", "save_rig"),
    ),
    "posestream.errors": ("PosestreamError",),
    "posestream.people": ("People", "Person"),
    "posestream.pose": ("Pose",),
    "posestream.space": ("Points3D", "load_rig", "triangulate"),
    "posestream.streams": ("People3D", "Seen", "Stream", "astream", "run", "stream"),
    "posestream.tables": ("to_arrow", "to_pandas"),
    "posestream.tracker": ("Tracker",),
    "engines.version": ("__version__",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Loaded when it is asked for: the command line must say that it starts before all is there."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
