"""The processes that profile a queue of jobs: bubbles, and new workers for each job.

A worker takes seconds to start, most of them the work of one core. So workers start side by side,
on separate cores as far as there are enough, also for the next jobs if many are left over; then
they wait until their turn.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from profiles.machines.bubble import Bubbles
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import Kind
from rmixer.training.process import WorkerProcess

PASSES = 2
GPU = "cuda:0"
MOST_AHEAD = 4

ANSWER_WITHIN_S = 600.0
"""A worker that is silent for longer hangs."""

Staff = dict[tuple[str, int], list[WorkerProcess]]
"""A worker for each pass, by torch's name of the device and the count of threads."""


class Crew:
    """Workers for profiles at each count of ``threads`` on the CPU of ``machine`` and, if there are
    GPUs, on the first of them. ``bubbles`` are on all its cores; ``event_us`` is the profiler's
    cost of an event in the rounds so far, by device, ``exchange_us`` the fastest exchange between
    cores, by count of threads."""

    def __init__(self, machine: Machine, threads: Sequence[int]) -> None:
        self._machine = machine
        self._threads = threads
        self._ready: deque[tuple[Staff, contextlib.ExitStack]] = deque()
        self._ending = contextlib.ExitStack()
        self.event_us: dict[Kind, list[float]] = {"cpu": [], "gpu": []}
        self.exchange_us = dict(enumerate(machine.exchange_us, start=1))
        self.bubbles = self._ending.enter_context(Bubbles(machine.cores))

    @property
    def places(self) -> Sequence[tuple[str, int]]:
        """The places where a job is measured: device and number of threads."""
        return tuple(places(self._machine, self._threads))

    @property
    def workers(self) -> int:
        """The number of workers for one job."""
        return PASSES * len(self.places)

    @contextlib.contextmanager
    def fresh(self, jobs: int) -> Iterator[Staff]:
        """Yields warm workers for one job; ``jobs``, it included, are still to come. They are ended
        at the end of the block."""
        if not self._ready:
            at_once = min(MOST_AHEAD, len(self._machine.cores) // self.workers, jobs)
            self._start(max(1, at_once))
        staff, ending = self._ready.popleft()
        with ending:
            yield staff

    def living(self, staff: Staff, place: tuple[str, int], number: int) -> WorkerProcess:
        """The worker of pass ``number`` at ``place``, whose turn it is. If it has ended while it
        waited, a new one replaces it: the system does not always end the process that takes too
        much memory."""
        worker = staff[place][number]
        if worker.has_ended:
            worker.kill()
            worker = staff[place][number] = _worker(worker.cores)
            self._ending.callback(worker.kill)
            worker.warm_up()
        return worker

    def _start(self, jobs: int) -> None:
        everyone: list[WorkerProcess] = []
        for number in range(jobs):
            staff: Staff = {}
            ending = self._ending.enter_context(contextlib.ExitStack())
            for place, cores in places(self._machine, self._threads, number).items():
                staff[place] = [ending.enter_context(_worker(each)) for each in cores]
                everyone += staff[place]
            self._ready.append((staff, ending))
        with ThreadPoolExecutor(len(everyone)) as pool:
            try:
                list(pool.map(_warm_up, everyone))
            except BaseException:  # interrupted: the pool would wait for them
                for worker in everyone:
                    worker.kill()
                raise

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: Any) -> None:
        self._ending.__exit__(*error)


def _worker(cores: Sequence[int]) -> WorkerProcess:
    return WorkerProcess(cores, answer_within_s=ANSWER_WITHIN_S)


def _warm_up(worker: WorkerProcess) -> None:
    """Warms up a worker. One that fails is ended and tried again when its turn comes."""
    try:
        worker.warm_up()
    except RunFailed:
        worker.kill()


def places(
    machine: Machine, threads: Sequence[int], number: int = 0
) -> dict[tuple[str, int], tuple[tuple[int, ...], ...]]:
    """The cores of each pass's worker, by device and count of threads, for the job with this
    ``number`` among those whose workers start together: one worker's after the other's, so that as
    few as possible share one. If there are GPUs, the last core is left to the bubble there by all
    that do not need it."""
    devices = ("cpu", GPU) if machine.gpus else ("cpu",)
    found: dict[tuple[str, int], tuple[tuple[int, ...], ...]] = {}
    cores = machine.cores
    partly = [count for count in threads if count < len(cores)]
    place = number * PASSES * len(devices) * sum(partly)
    for device in devices:
        for count in threads:
            passes = []
            for _ in range(PASSES):
                passes.append(tuple(sorted(cores[(place + i) % len(cores)] for i in range(count))))
                place += count if count in partly else 0
            found[device, count] = tuple(passes)
    return found
