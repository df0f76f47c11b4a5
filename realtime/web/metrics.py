"""What the page and Prometheus are told of a run."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from realtime.types.results import Result, View

RATE_SECONDS = 2.0  # over which the rate is taken
MAX_SILENCE_SECONDS = 10.0  # without a result after which something is wrong
NEWEST_SHARE = 0.2  # share of the newest value in a smoothed one


class Metrics:
    """Counts results, each with the moment it arrived (seconds on the monotonic clock).

    required: the cameras without which the run is not healthy; by default all of them.
    """

    def __init__(
        self, model: str, sources: Sequence[str], required: Sequence[str] | None = None
    ) -> None:
        self._required = frozenset(sources if required is None else required)
        self._model = model
        self._frames = dict.fromkeys(sources, 0)
        self._latest: dict[str, View] = {}
        self._came: dict[str, float] = {}  # when a camera's newest frame did
        self.failed: list[str] = []  # what is said of outputs that failed
        self.ended = False  # whether no more results will come
        self._newest: Result | None = None
        self._moments: dict[str, deque[float]] = {name: deque() for name in sources}
        self._arrivals: deque[float] = deque()
        self._stages: dict[str, float] = {}
        self._latency = 0.0
        self._latencies: dict[str, float] = {}
        self._dropped = 0

    def add(self, result: Result, now: float) -> None:
        """Count a result."""
        first = not self._arrivals
        _count(self._arrivals, now)
        self._newest = result
        for view in filter(None, result.views):
            camera = view.frame.camera
            self._frames[camera] = self._frames.get(camera, 0) + 1
            self._latest[camera] = view
            self._came[camera] = now
            _count(self._moments.setdefault(camera, deque()), now)
            latency = now - view.frame.captured
            before = self._latencies.get(camera, latency)
            self._latencies[camera] = before + NEWEST_SHARE * (latency - before)
            self._latency = (
                latency if first else self._latency + NEWEST_SHARE * (latency - self._latency)
            )
        for stage, seconds in result.seconds.items():
            before = self._stages.get(stage, seconds)
            self._stages[stage] = before + NEWEST_SHARE * (seconds - before)
        self._dropped = result.dropped

    def rate(self, now: float) -> float:
        """Results per second; 0 after a while without any."""
        return _rate(self._arrivals, now)

    def silence(self, now: float) -> float:
        """Seconds since the last result, infinite before the first."""
        return now - self._arrivals[-1] if self._arrivals else float("inf")

    def health(self, now: float) -> str | None:
        """What is wrong, None where results come and every required camera is in them."""
        if not self._arrivals:
            return "no result yet"
        silence = self.silence(now)
        if silence > MAX_SILENCE_SECONDS:
            return f"no result for {silence:.0f} s"
        down = [name for name in self._required if not self._up(name, now)]
        return f"no picture of {', '.join(sorted(down))}" if down else None

    def health_page(self, now: float) -> str:
        """All of it as JSON; age: seconds since the newest frame of a camera came, null = none."""
        wrong = self.health(now)
        cameras = {
            name: {"up": self._up(name, now), "age": self._silence_of(name, now)}
            for name in self._frames
        }
        status = {"status": wrong or "ok", "cameras": cameras, "failed_outputs": self.failed}
        return json.dumps(status)

    def _silence_of(self, camera: str, now: float) -> float | None:
        came = self._came.get(camera)
        return None if came is None else round(now - came, 3)

    def _up(self, camera: str, now: float) -> bool:
        silence = self._silence_of(camera, now)
        return silence is not None and silence <= MAX_SILENCE_SECONDS

    def page(self, now: float) -> str:
        """All that the page shows, as JSON; times in seconds. ended: no more results will come.
        people: one entry for each, with the cameras that see them; with a rig (space) they are the
        same people in all cameras, and space of one says whether their 3D person is known.
        """
        silence = self.silence(now)
        return json.dumps(
            {
                "model": self._model,
                "fps": self.rate(now),
                "age": self._latency,
                "silence": silence if self._arrivals else None,
                "ended": self.ended,
                "space": self._newest is not None and self._newest.poses3d is not None,
                "people": people_of(self._newest) if self._newest is not None else [],
                "dropped": self._dropped,
                "stages": self._stages,
                "sources": [self._source(name, now) for name in self._frames],
            }
        )

    def metrics(self, now: float, clients: Mapping[str, int]) -> str:
        """Prometheus' text format; clients: how many of each kind are connected."""
        people = {name: len(view.tracks) for name, view in self._latest.items()}
        up = {name: float(self._up(name, now)) for name in self._frames}
        ages = {name: now - self._came.get(name, -math.inf) for name in self._frames}
        lines = [
            *_metric("frames_total", "counter", "Frames processed.", "source", self._frames),
            *_metric(
                "dropped_total", "counter", "Frames dropped to stay live.", "", {"": self._dropped}
            ),
            *_metric("camera_up", "gauge", "Whether frames come of it.", "source", up),
            *_metric("camera_age_seconds", "gauge", "Since its newest frame came.", "source", ages),
            *_metric(
                *("failed_outputs", "gauge", "Outputs that failed.", "", {"": len(self.failed)})
            ),
            *_metric("people", "gauge", "People in the newest frame.", "source", people),
            *_metric("fps", "gauge", "Results per second.", "", {"": self.rate(now)}),
            *_metric(
                "age_seconds",
                "gauge",
                "Latency from a frame's capture to its result.",
                "",
                {"": self._latency},
            ),
            *_metric(
                "silence_seconds",
                "gauge",
                "Time since the newest result.",
                "",
                {"": self.silence(now)},
            ),
            *_metric(
                "stage_seconds", "gauge", "Time of each stage per frame.", "stage", self._stages
            ),
            *_metric("clients", "gauge", "Connected clients.", "kind", clients),
        ]
        return "".join(f"{line}\n" for line in lines)

    def _source(self, name: str, now: float) -> dict[str, Any]:
        view = self._latest.get(name)
        people = []
        if view is not None:
            found = view.tracks.poses.found
            for track, seen in zip(view.tracks.id.tolist(), found, strict=True):
                people.append({"id": track, "keypoints": [int(seen.sum()), len(seen)]})
        return {
            "name": name,
            "frames": self._frames[name],
            "index": view.frame.index if view else None,
            "time": view.frame.time if view else None,
            "size": view.frame.size if view else None,
            "up": self._up(name, now),
            "age": self._silence_of(name, now),
            "fps": _rate(self._moments.get(name, deque()), now),
            "latency": self._latencies.get(name),
            "people": people,
        }


def people_of(result: Result) -> list[dict[str, Any]]:
    """Everybody in a result once, those of the smallest id first: where ids are of the whole rig,
    with all views of the same id; where each camera has its own, or none, a person for each view.
    """
    space = result.poses3d
    known = set() if space is None else set(space.id.tolist())
    people: dict[object, dict[str, Any]] = {}
    for number, view in enumerate(result.views):
        if view is None:
            continue
        for row, (track, seen) in enumerate(
            zip(view.tracks.id.tolist(), view.tracks.poses.found, strict=True)
        ):
            key = track if space is not None and track >= 0 else (number, row)
            person = people.setdefault(key, {"id": track, "space": track in known, "views": []})
            found = {"camera": view.frame.camera, "keypoints": [int(seen.sum()), len(seen)]}
            person["views"].append(found)
    for track in known - people.keys():  # carried over, though nobody sees them now
        people[track] = {"id": track, "space": True, "views": []}
    return sorted(people.values(), key=lambda one: (one["id"] < 0, one["id"]))


def _count(moments: deque[float], now: float) -> None:
    """One more, without those that are too old for a rate."""
    moments.append(now)
    while moments[0] < now - RATE_SECONDS and len(moments) > 2:
        moments.popleft()


def _rate(moments: deque[float], now: float) -> float:
    """Per second; 0 after a while without any."""
    if len(moments) < 2 or now - moments[-1] > RATE_SECONDS:
        return 0.0
    return (len(moments) - 1) / max(moments[-1] - moments[0], 1e-9)


def _metric(name: str, kind: str, about: str, label: str, values: Mapping[str, float]) -> list[str]:
    """The lines of one metric; without a label it has one value."""
    name = f"posestream_{name}"
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    for key, value in values.items():
        tag = f'{{{label}="{_escaped(key)}"}}' if label else ""
        lines.append(f"{name}{tag} {_number(value)}")
    return lines


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
