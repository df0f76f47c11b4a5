"""Work on all machines of a Ray cluster: a worker on each, or one for each GPU."""

from __future__ import annotations

import platform
import socket
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from engines.answers.store import Found
from engines.runtimes.kept_networks import keep_networks
from engines.version import __version__
from posestream.batch.parts import Part, look
from posestream.batch.queue import Queue, Task
from posestream.batch.work import Job, Outcome, work
from realtime.types.errors import RealtimeError

AUTO = "auto"
CLIENT, CLIENT_PORT = "ray://", 10001  # the latter is the usual port of a cluster's head
CONNECT_SECONDS = 10.0  # that it may take to take a connection
POLL_SECONDS = 1.0  # after which new machines are looked for
START_SECONDS = 120.0  # that a worker may take to start


class ClusterError(RealtimeError):
    """The cluster cannot be reached, or nothing can run there."""


class Served:
    """What runs on a machine of the cluster; its networks stay between jobs."""

    def __init__(self) -> None:
        self._kept = keep_networks()
        self._kept.__enter__()

    def version(self) -> str:
        return own_version()

    def do(self, job: Job, answers: Sequence[Any]) -> Outcome:
        """answers: references to those of its parts, which are fetched one after the other."""
        return work(job, Found([partial(_fetched, one) for one in answers]) if answers else None)

    def look(self, part: Part) -> tuple[None, Mapping[bytes, bytes]]:
        """None says that there are answers, which stay here until they are wanted."""
        return None, look(part)


def own_version() -> str:
    """What must be the same on all machines, as jobs go from one to the other as they are."""
    return f"posestream {__version__}, Python {'.'.join(platform.python_version_tuple()[:2])}"


@dataclass(eq=False)
class Busy:
    """A worker and what it has to do. answers: to what will be those of a part."""

    node: str
    worker: Any
    task: Task
    answers: Any = None


class Cluster:
    """Connected until it is closed. gpus: whether the model runs on GPUs."""

    def __init__(self, address: str, *, gpus: bool) -> None:
        self._ray = _ray()
        self._gpus = gpus
        self._idle: list[tuple[str, Any]] = []
        self._busy: dict[Any, Busy] = {}
        self._known: set[str] = set()
        self._refused: list[str] = []
        try:
            self._connect(address)
        except (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError) as error:
            said = getattr(error, "strerror", None) or str(error)
            line = next(
                (one.strip() for one in said.splitlines() if one.strip()), "no reason given"
            )
            raise ClusterError(
                f"--ray {address}: no cluster can be reached there ({line}); check the address, "
                "or use --ray auto for this machine alone."
            ) from error

    def _connect(self, address: str) -> None:
        how = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if address != AUTO:
            _check_answers(address)
            with warnings.catch_warnings():  # what it warns of it raises as well
                warnings.simplefilter("ignore", UserWarning)
                self._ray.init(address, **how)
        elif not self._ray.is_initialized():
            try:
                self._ray.init("auto", **how)
            except ConnectionError:  # none runs on this machine
                self._ray.init(include_dashboard=False, **how)

    def run(
        self,
        jobs: Sequence[Job],
        retries: int,
        part_seconds: float | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Outcome]:
        """How each job went, as they end. A job whose machine is lost begins anew elsewhere.

        part_seconds: as `Queue` divides long videos. say: hears a sentence of each part.
        """
        queue = Queue(jobs, retries, part_seconds)
        while queue or self._busy:
            self._look_for_machines()
            while queue and self._idle:
                task = queue.take(len(self._idle) + len(self._busy))
                self._give(task, *self._idle.pop())
            if not self._busy:
                raise ClusterError(" ".join(self._refused) or "The cluster has no machine.")
            done, _ = self._ray.wait(list(self._busy), timeout=POLL_SECONDS)
            for reference in done:
                busy = self._busy.pop(reference)
                told = self._told(reference, busy)
                if busy.task.part is not None:
                    if sentence := queue.looked(busy.task, busy.answers if told is None else None):
                        say(sentence)
                    continue
                assert told is not None
                if (outcome := queue.ended(busy.task, told)) is not None:
                    yield outcome

    def _give(self, task: Task, node: str, worker: Any) -> None:
        if task.part is not None:
            told, answers = worker.look.options(num_returns=2).remote(task.part)
            self._busy[told] = Busy(node, worker, task, answers)
            return
        known = [one for one in task.divided.answers if one is not None] if task.divided else []
        self._busy[worker.do.remote(task.job, known)] = Busy(node, worker, task)

    def _told(self, reference: Any, busy: Busy) -> Outcome | None:
        """How a task went; None where a part was looked at."""
        try:
            outcome: Outcome | None = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._known.discard(busy.node)  # if it is still there it gets a new worker
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(busy.worker)
            line = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
            name = busy.task.job.recording.name
            return Outcome(name, error=f"Its worker was lost ({line}).")
        self._idle.append((busy.node, busy.worker))
        return outcome

    def _look_for_machines(self) -> None:
        """A worker for what there is of each machine that is new."""
        alive = {one["NodeID"]: one for one in self._ray.nodes() if one["Alive"]}
        self._known &= alive.keys()
        self._idle = [(node, worker) for node, worker in self._idle if node in alive]
        for node, about in alive.items():
            if node not in self._known:
                self._known.add(node)
                self._engage(node, about)

    def _engage(self, node: str, about: Any) -> None:
        has = about["Resources"]
        gpus = int(has.get("GPU", 0)) if self._gpus else 0
        count = max(1, gpus)
        cpus = int(has.get("CPU", 0)) // count
        if cpus < 1:
            return  # a machine that only leads the others
        policy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            node, soft=False
        )
        served = self._ray.remote(
            num_cpus=cpus, num_gpus=1 if gpus else 0, scheduling_strategy=policy
        )(Served)
        workers = [served.remote() for _ in range(count)]
        name = about.get("NodeManagerHostname", node)
        try:
            theirs = self._ray.get([one.version.remote() for one in workers], timeout=START_SECONDS)
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
            self._refused.append(f"{name} cannot run jobs ({line}).")
            return
        if any(one != own_version() for one in theirs):
            self._refused.append(
                f"{name} has {theirs[0]}, this machine {own_version()}; install the same on both."
            )
            return
        self._idle += [(node, one) for one in workers]

    @property
    def refused(self) -> Sequence[str]:
        """Why machines of the cluster are not used, a sentence each."""
        return self._refused

    def close(self) -> None:
        """Let the cluster go; one that was started for this ends."""
        self._ray.shutdown()


def _check_answers(address: str) -> None:
    """OSError or ValueError where nothing takes connections: Ray itself tries for minutes."""
    client = address.startswith(CLIENT)
    parts = urlsplit(f"//{address.removeprefix(CLIENT)}")
    port = CLIENT_PORT if parts.port is None and client else parts.port
    if parts.hostname and port is not None:
        socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()


def _fetched(answers: Any) -> Mapping[bytes, bytes]:
    """What a worker keeps; nothing where its machine was lost meanwhile."""
    ray = _ray()
    try:
        found: Mapping[bytes, bytes] = ray.get(answers)
    except ray.exceptions.RayError:
        return {}
    return found


def _ray() -> Any:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise ClusterError(
            "--ray needs the package ray: pip install 'posestream[cluster]'."
        ) from error
    return ray
