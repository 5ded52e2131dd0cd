"""A team of workers on the machines of a Ray cluster, or on this one.

Every worker is an actor that lives as long as the run: packages, kernels and weights are loaded
once. It is given a name and sends back the content of files, so machines need no common folder for
results; they need the package, and the data at the same place.

A worker that is lost (its process or machine died, or memory ran out) is replaced, and what it was
doing is done again. Ray is loaded when a team begins to work, never before.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectrack.errors import InputError
from spectrack.workers import limit_threads

if TYPE_CHECKING:
    from spectrack.evaluation.answers import Answer

LOCAL = "local"
"""The address that stands for a cluster of this machine alone, which lives as long as the run."""
ATTEMPTS = 3
"""Workers that a sequence may cost before the run gives up."""
STORE_BYTES = 256 << 20
"""Shared memory of a local cluster for what workers send; more is kept on disk."""
LOOK_S = 1.0
"""Seconds after which waiting for workers looks whether it was stopped."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers of a Ray cluster, as a team of :mod:`spectrack.evaluation.runner`.

    Args:
        address: ``local``, or what Ray connects to: ``auto``, ``host:6379``, ``ray://host:10001``.
        workers: How many; as many as the cluster has processors for where left out.
        threads: Processors of each. The same number gives the same bytes anywhere.
        remark: Told when a worker is lost.
    """

    address: str = LOCAL
    workers: int | None = None
    threads: int = 1
    remark: Callable[[str], None] = print

    def __call__(
        self, work: Callable[[str], Answer], names: Mapping[str, str]
    ) -> Generator[tuple[str, Answer]]:
        """Do the work on every name; see :data:`spectrack.evaluation.runner.Team`.

        Yields:
            A name and its answer, as they are ready.

        Raises:
            InputError: If Ray is not installed, cannot connect, or a sequence has cost
                :data:`ATTEMPTS` workers; and what the work raises.
        """
        if not names:
            return
        with _connected(self.address, self.workers, self.threads) as ray:
            there = int(ray.cluster_resources().get("CPU", 0)) // self.threads
            if there < 1:
                raise InputError(
                    f"the cluster at {self.address} has no machine with {self.threads} processors; "
                    "give fewer --threads or another address"
                )
            count = min(self.workers or there, there)
            pool = _Pool(ray, ray.put(work), self.threads, self.remark)
            try:
                yield from pool.each(names, count)
            finally:
                pool.close()


class _Pool:
    """Actors, what they are doing, and what is to be done.

    Args:
        ray: The package.
        work: Reference to what is done with a name.
        threads: Of each actor.
        remark: Told when a worker is lost.
    """

    def __init__(self, ray: Any, work: Any, threads: int, remark: Callable[[str], None]) -> None:
        self._ray, self._work, self._threads, self._remark = ray, work, threads, remark
        self._actor = ray.remote(num_cpus=threads, max_restarts=0)(Worker)
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[str, Any]] = {}

    def each(self, names: Mapping[str, str], count: int) -> Generator[tuple[str, Answer]]:
        """Do every name, and what answers ask for besides, with so many actors at most."""
        errors = self._ray.exceptions
        lost = (
            errors.RayActorError,
            errors.WorkerCrashedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        )
        waiting, cost = deque(names), Counter[str]()
        self._idle = [self._begin() for _ in range(min(count, len(names)))]
        while waiting or self._running:
            while waiting and self._idle:
                name, actor = waiting.popleft(), self._idle.pop()
                self._running[actor.do.remote(self._work, name)] = (name, actor)
            if not waiting:
                self._dismiss()
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=LOOK_S)
            for reference in ready:
                name, actor = self._running.pop(reference)
                try:
                    answer = self._ray.get(reference)
                except errors.RayTaskError as error:
                    raise (error.cause or error) from None
                except lost as error:
                    cost[name] += 1
                    self._ray.kill(actor)
                    self._check(name, cost[name], error)
                    waiting.appendleft(name)
                    self._idle.append(self._begin())
                    continue
                self._idle.append(actor)
                waiting.extendleft(reversed(answer.more))
                wanted = min(len(waiting), count - len(self._running))
                self._idle += [self._begin() for _ in range(wanted - len(self._idle))]
                yield name, answer

    def close(self) -> None:
        """End all actors, whatever they do."""
        for actor in [*self._idle, *(actor for _, actor in self._running.values())]:
            self._ray.kill(actor)
        self._idle, self._running = [], {}

    def _begin(self) -> Any:
        return self._actor.remote(self._threads)

    def _dismiss(self) -> None:
        """End actors with nothing left to do: one that replaces a lost one may need their place."""
        for actor in self._idle:
            self._ray.kill(actor)
        self._idle = []

    def _check(self, name: str, cost: int, error: Exception) -> None:
        if cost >= ATTEMPTS:
            raise InputError(
                f"sequence {name!r} has ended {cost} workers, as it does when memory runs out; "
                "what is finished is kept, start again with fewer --jobs"
            ) from error
        self._remark(f"a worker was lost at sequence {name}; it is done again")


class Worker:
    """What an actor does: it shares its machine's processors with others, and does what it is told.

    Args:
        threads: How many processors are its own.
    """

    def __init__(self, threads: int) -> None:
        limit_threads(threads)

    def do(self, work: Callable[[str], Answer], name: str) -> Answer:
        """Do one sequence."""
        return work(name)


@contextmanager
def _connected(address: str, workers: int | None, threads: int) -> Generator[Any]:
    """Ray, connected; whoever was connected before stays so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "work on a cluster needs the package ray; install it by: pip install "
            "'spectrack[cluster]'"
        ) from error
    if ray.is_initialized():
        yield ray
        return
    told: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        # Like processes of --jobs; Ray would let every other program of the machine go before.
        os.environ.setdefault("RAY_worker_niceness", "0")
        processors = (workers or max(1, (os.cpu_count() or 1) // threads)) * threads
        told |= {"num_cpus": processors, "object_store_memory": STORE_BYTES}
        told |= {"include_dashboard": False}
    try:
        ray.init(address, **told)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({' '.join(str(error).split())[:200]}); "
            "give local, or the address that ray start printed"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()
