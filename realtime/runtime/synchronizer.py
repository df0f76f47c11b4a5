"""Frames of several cameras, paired by time into sets of one instant."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from realtime.types.frames import Frame

FrameSet = tuple[Frame | None, ...]  # one a camera, None = that camera is out

DEFAULT_PERIOD = 1 / 30  # seconds between frames, until cameras have shown theirs
SILENCE_SECONDS = 0.5  # seconds after which a camera that says nothing is left out
# A camera that takes so many periods is silent too; slower ones than this are not waited for.
SILENCE_PERIODS, MAX_PERIOD = 1.5, 10.0
MAX_WAITING = 8  # frames of each camera that wait for their partners


def merge(sources: Sequence[Iterator[Frame]]) -> Iterator[FrameSet]:
    """Recorded sources, merged by their timestamps: every frame is in exactly one set.

    Frames belong together when they lie within half a frame of the earliest one; a source that
    has none there (it is slower, shorter or has a gap) is None in that set.
    """
    heads = [next(source, None) for source in sources]
    periods = [DEFAULT_PERIOD] * len(heads)
    while waiting := [head for head in heads if head is not None]:
        now = min(head.time for head in waiting)
        near = now + min(periods) / 2 + 1e-9
        chosen = tuple(head if head is not None and head.time <= near else None for head in heads)
        for n, frame in enumerate(chosen):
            if frame is not None:
                heads[n] = following = next(sources[n], None)
                if following is not None and following.time > frame.time:
                    periods[n] = following.time - frame.time
        yield chosen


class Pairer:
    """Live cameras: the newest instant at which all that are alive have a frame.

    Not for several threads at once. `put` gives a set when the frame completes one; frames that
    found no partner are dropped with the instants they belong to, so instants are never mixed.
    """

    def __init__(self, cameras: int) -> None:
        self._waiting: list[deque[Frame]] = [deque(maxlen=MAX_WAITING) for _ in range(cameras)]
        self._seen: list[float | None] = [None] * cameras
        self._period = [DEFAULT_PERIOD] * cameras
        self._gap = [0.0] * cameras  # between the last two frames of each
        self._began: float | None = None

    def put(self, camera: int, frame: Frame) -> FrameSet | None:
        """Take a camera's next frame; the set that it completes, if it does."""
        now = frame.time
        last = self._seen[camera]
        if last is not None and now > last:
            self._period[camera] = self._learned(camera, now - last)
            self._gap[camera] = now - last
        self._began = now if self._began is None else self._began
        self._seen[camera] = now
        self._waiting[camera].append(frame)
        alive = [n for n in range(len(self._waiting)) if self._alive(n, now)]
        if not all(self._waiting[n] for n in alive):
            return None
        instant = min(self._waiting[n][-1].time for n in alive)
        tolerance = max(self._period[n] for n in alive) / 2
        # Cameras that run free may lie on both sides of that instant; where all lie on one side of
        # another camera's picture they are closer together.
        sets = [self._nearest(alive, one.time) for one in self._nearest(alive, instant).values()]
        chosen = min(sets, key=_spread)
        if _apart(chosen) > tolerance:
            return None
        for n, frames in enumerate(self._waiting):
            last = max(instant, chosen[n].time) if n in chosen else instant
            while frames and frames[0].time <= last:
                frames.popleft()
        return tuple(chosen.get(n) for n in range(len(self._waiting)))

    def _learned(self, camera: int, gap: float) -> float:
        """A camera's period after this gap: two long ones are that of a slow camera, and a single
        one is a pause.
        """
        before = self._period[camera]
        if gap < SILENCE_SECONDS:
            return gap if before > SILENCE_SECONDS else before + 0.1 * (gap - before)
        usual = min(gap, self._gap[camera])
        return usual if SILENCE_SECONDS <= usual <= MAX_PERIOD else before

    def _nearest(self, alive: Sequence[int], moment: float) -> dict[int, Frame]:
        """Each camera's frame that is nearest to a moment."""
        return {n: min(self._waiting[n], key=lambda one: abs(one.time - moment)) for n in alive}

    def _alive(self, camera: int, now: float) -> bool:
        """Whether a camera has spoken lately; one that has not begun yet is given time."""
        last = self._seen[camera]
        if last is None:
            last = now if self._began is None else self._began
        return now - last <= max(SILENCE_SECONDS, SILENCE_PERIODS * self._period[camera])


def _spread(frames: Mapping[int, Frame]) -> float:
    times = [one.time for one in frames.values()]
    return max(times) - min(times)


def _apart(frames: Mapping[int, Frame]) -> float:
    """How far all are from that one of them which lies best."""
    times = sorted(one.time for one in frames.values())
    return min(max(moment - times[0], times[-1] - moment) for moment in times)


class Gate:
    """Where the threads of live cameras meet: pairs their frames and hands the sets on.

    admit: takes a set, without waiting. close: called when the last camera has ended.
    """

    def __init__(
        self, cameras: int, admit: Callable[[FrameSet], None], close: Callable[[], None]
    ) -> None:
        self._pairer = Pairer(cameras)
        self._admit = admit
        self._close = close
        self._inside = cameras
        self._lock = Lock()

    def put(self, camera: int, frame: Frame) -> None:
        """A camera's next frame; Aborted when the run is broken off."""
        with self._lock:
            frames = self._pairer.put(camera, frame)
            # Within the lock, or a later set could overtake this one.
            if frames is not None:
                self._admit(frames)

    def leave(self) -> None:
        """A camera has ended."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._close()
