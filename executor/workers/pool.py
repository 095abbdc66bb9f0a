"""The workers of a run: one for each slot, spawned ahead, pinned and warm."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Container
from pathlib import Path

import psutil

from profiles.machines.tasks import EXCHANGE
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout
from rmixer.training.process import WorkerProcess
from rmixer.training.tasks import WARM

Place = tuple[str, int]
EXCHANGE_LIMIT_S = 10.0


class WorkerPool:
    """One :class:`WorkerProcess` a slot, by (device, slot); replaced when it dies."""

    def __init__(self, machine: Machine, layout: Layout, logs: Path) -> None:
        self._machine, self._layout, self._logs = machine, layout, logs
        self._workers: dict[Place, WorkerProcess] = {}
        self.startup_s = 0.0

    def start(self) -> None:
        """Spawn all workers together, wait until all are warm, then settle their clocks (a
        clock settled while others still start would be off)."""
        begin_s = time.perf_counter()
        for entry in self._layout.devices:
            for slot in range(entry.slots):
                self._workers[entry.device, slot] = self._spawn(entry.device, slot)
        for worker in self._workers.values():
            worker.start(WARM, threads=len(worker.cores))
        for worker in self._workers.values():
            worker.expect("done", timeout_s=300)
        for worker in self._workers.values():
            worker.settle_clock()
        self.startup_s = time.perf_counter() - begin_s

    def __getitem__(self, place: Place) -> WorkerProcess:
        return self._workers[place]

    def exchange_us(self, place: Place) -> tuple[float, ...]:
        """How long the threads of the idle worker there now take to exchange data; nothing where
        it has one thread or shares its cores. Raises :class:`RunFailed` where it has died or does
        not answer; it is no more then."""
        worker = self._workers[place]
        if len(worker.cores) == 1 or self._layout.in_turn:
            return ()
        try:
            return (worker.call(EXCHANGE, timeout_s=EXCHANGE_LIMIT_S),)
        except RunFailed:
            worker.kill()
            raise

    def replace_ended(self, busy: Container[Place]) -> None:
        """A fresh, warm worker in place of each one that has died, except on ``busy`` places:
        what those reported last has yet to be read."""
        for place, worker in list(self._workers.items()):
            if place not in busy and worker.has_ended:
                worker.kill()
                fresh = self._workers[place] = self._spawn(*place)
                fresh.warm_up()

    def cpu_seconds(self) -> float:
        """Of all workers so far, those that run and those that have ended, with the data loaders
        of their finished jobs."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = ended.ru_utime + ended.ru_stime
        for worker in self._workers.values():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(worker.pid).cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def stop(self, grace_s: float) -> None:
        """Ask every worker to stop at its next step, and end all within about ``grace_s``."""
        for worker in self._workers.values():
            worker.close_softly()
        end_s = time.monotonic() + grace_s
        for worker in self._workers.values():
            worker.close(max(0.0, end_s - time.monotonic()))
        self._workers.clear()

    def _spawn(self, device: str, slot: int) -> WorkerProcess:
        cores = self._layout.cores(self._machine, device, slot)
        name = f"{device.replace(':', '-').replace('/', '-')}-{slot}.log"
        return WorkerProcess(cores, self._logs / name, shares_cores=self._layout.in_turn)
