"""What is to be done next: whole recordings, or parts of long ones where workers would be idle."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from posestream.batch.parts import Part, parts
from posestream.batch.work import Job, Outcome


@dataclass(eq=False)
class Divided:
    """A job in parts. answers: handles of what was said of each; None = nothing is known of it."""

    answers: list[Any]
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """For one worker: a job, or the part of that number. attempt: from 1 on.

    divided: what the job's parts have given, where there were any.
    """

    job: Job
    part: Part | None = None
    number: int = 0
    divided: Divided | None = None
    attempt: int = 1


@dataclass(eq=False)
class Queue:
    """The tasks that wait, in order.

    retries: how often a failed one is tried again. part_seconds: how long parts of videos are at
    least; None = none is divided.
    """

    jobs: Sequence[Job]
    retries: int
    part_seconds: float | None = None
    busy: int = 0  # tasks taken and not ended
    _waiting: deque[Task] = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = deque(Task(job) for job in self.jobs)

    def __bool__(self) -> bool:
        """Whether a task waits."""
        return bool(self._waiting)

    def take(self, workers: int) -> Task:
        """The next task. A job is divided where fewer are left than there are workers."""
        task = self._waiting.popleft()
        few = self.busy + len(self._waiting) + 1 < workers
        whole = task.part is None and task.divided is None and task.attempt == 1
        if few and whole and self.part_seconds is not None:
            found = parts(task.job, self.part_seconds)
            if len(found) > 1:
                divided = Divided([None] * len(found), len(found))
                made = [Task(task.job, one, n, divided) for n, one in enumerate(found)]
                self._waiting.extendleft(reversed(made))
                task = self._waiting.popleft()
        self.busy += 1
        return task

    def looked(self, task: Task, answers: Any) -> str | None:
        """A part was looked at, or lost where `answers` is None; how far its video is.

        None where the part is tried again.
        """
        self.busy -= 1
        if answers is None and task.attempt <= self.retries:
            self._waiting.append(replace(task, attempt=task.attempt + 1))
            return None
        assert task.divided is not None
        task.divided.answers[task.number] = answers
        task.divided.left -= 1
        if not task.divided.left:
            self._waiting.appendleft(Task(task.job, divided=task.divided))
        total = len(task.divided.answers)
        return f"{task.job.recording.name}: {total - task.divided.left} of {total} parts seen"

    def ended(self, task: Task, outcome: Outcome) -> Outcome | None:
        """How the job went at last; None where it is tried again."""
        self.busy -= 1
        if outcome.error is not None and task.attempt <= self.retries:
            self._waiting.append(replace(task, attempt=task.attempt + 1))
            return None
        return replace(outcome, attempts=task.attempt)
