"""Frames, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from engines.types.arrays import Image
from engines.types.poses import Poses, check_shape
from engines.types.skeleton import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one camera.

    camera: the source's unique name, as used in the names of outputs.
    index: its place in the source, counted from 0 before --start and --step choose.
    name: what outputs call it: `<camera>_%012d`, or a photo's own name without its ending.
    time: seconds; a file's own media time, for a live source the moment of capture, counted from
        the start of the run (types/start.py).
    captured: seconds on the monotonic clock, right after the grab.
    image: (H, W, 3) uint8 BGR, read-only.
    poses: the people in it, where the source knows them; no network looks at the picture then.
    """

    camera: str
    index: int
    name: str
    time: float
    captured: float
    image: Image
    poses: Poses | None = None

    def __post_init__(self) -> None:
        check_shape("Frame", "image", self.image, None, None, 3)
        self.image.flags.writeable = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


class Source(Protocol):
    """Gives the frames of one camera, file or folder, in order.

    name: unique, fit for file names. live: frames come when they come, old ones are worthless.
    total: how many frames iteration will give, None where unknown (an estimate is no promise).
    rate: fps where known. notes: sentences about input that was skipped or
    repaired, for the end of the run (complete when iteration has ended). skeleton: of the poses
    that its frames bring along, None where they bring pictures alone.
    """

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def total(self) -> int | None: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def skeleton(self) -> Skeleton | None: ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def __iter__(self) -> Iterator[Frame]: ...


@runtime_checkable
class Stoppable(Protocol):
    """A source that may wait for long (a camera that is away) and can be told to end.

    stop: ends the iteration soon; may be called from any thread, and more than once.
    """

    def stop(self) -> None: ...


@runtime_checkable
class Clocked(Protocol):
    """A source whose times are another computer's clock, brought onto ours.

    clock_report: seconds by which that clock is ahead (offset), by which that can be wrong at most
    (error), and that the exchange took (round_trip); None where nothing is known.
    """

    def clock_report(self) -> dict[str, float] | None: ...
