"""Workers of one machine: a process for each slot, started ahead, pinned and warm."""

from __future__ import annotations

import contextlib
import resource
import time
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from executor.workers.heard import event_of
from executor.workers.memory_guard import MemoryGuard
from executor.workers.placed import Placed
from executor.workers.workers import (
    CoresExchanged,
    Event,
    JobEnded,
    JobFailed,
    Place,
    TrainingOrder,
)
from profiles.machines.tasks import EXCHANGE
from rmixer.errors import RunFailed, WorkerLost
from rmixer.hardware.machine import Machine, gpu_number
from rmixer.hardware.visible_gpus import sees_only
from rmixer.scheduling.layout import Layout
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.task_failure import OutOfMemory, failure_of
from rmixer.training.tasks import TRAIN_JOB, TRAIN_ON_GPU, WARM

EXCHANGE_LIMIT_S = 10.0
START_LIMIT_S = 300.0
MOST_DEATHS = 3
"""The number of workers that may die at a place, one after the other, before they are warm."""


class WarmProcesses(Placed):
    """See :class:`executor.workers.workers.Workers`. Each is a :class:`WorkerProcess`; ``logs`` is
    the folder for their output; ``memory`` watches the memory of jobs.

    The worker of a slot on a GPU sees that GPU alone, and has its context there before it is warm;
    all others see none. It is replaced if its job has failed there: after an error of a kernel no
    other job could use its context.
    """

    def __init__(
        self, machine: Machine, layout: Layout, logs: Path, memory: MemoryGuard | None = None
    ) -> None:
        super().__init__(memory or MemoryGuard())
        self._machine, self._layout, self._logs = machine, layout, logs
        self._places = [(each.device, n) for each in layout.devices for n in range(each.slots)]
        self._workers: dict[Place, WorkerProcess] = {}
        self._busy: dict[Place, TrainingOrder] = {}
        self._warming: dict[Place, int] = {}
        """The places whose new worker is not warm yet, and the number of workers that died there
        before."""
        self.startup_s = 0.0

    def open(self) -> None:
        """Spawn all workers together, wait until all are warm, then settle their clocks (a
        clock settled while others still start would be off)."""
        begin_s = time.perf_counter()
        for place in self._places:
            self._workers[place] = self._spawn(*place)
        for place, worker in self._workers.items():
            self._warm(place, worker)
        for worker in self._workers.values():
            worker.expect("done", timeout_s=START_LIMIT_S)
        for worker in self._workers.values():
            worker.settle_clock()
        self.startup_s = time.perf_counter() - begin_s

    def open_meanwhile(self) -> None:
        """Spawns all workers without waiting for them."""
        for place in self._places:
            self._fill(place, 0)

    def start(self, order: TrainingOrder) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        self._busy[order.place] = order
        if order.place not in self._warming:
            self._begin(order)

    def _begin(self, order: TrainingOrder) -> None:
        worker = self._workers[order.place]
        held_bytes = partial(self._table.held_bytes, worker.pid)
        self._memory.watch(order.place, order.promised_bytes, held_bytes, worker.strike)
        on_gpu = self.is_on_gpu(order.place)
        try:
            self._exchange(order)
            worker.start_printing(
                order.log,
                TRAIN_ON_GPU if on_gpu else TRAIN_JOB,
                **({"most_bytes": order.most_gpu_bytes} if on_gpu else {}),
                job=order.job,
                files=order.files,
                cores=order.cores,
            )
        except RunFailed as error:
            self._lost(order.place, error)

    def pids(self) -> dict[Place, int]:
        """The process of each worker, idle ones too."""
        return {place: worker.pid for place, worker in self._workers.items()}

    def wait(self, timeout_s: float | None) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if not self._happened:
            wait(self.waitables(), timeout_s)

    def waitables(self) -> list[Connection]:
        """Connections that become readable as soon as a busy worker has sent something."""
        return [self._workers[place].connection for place in {*self._busy, *self._warming}]

    def events(self) -> list[Event]:
        """See :class:`~executor.workers.workers.Workers`."""
        for place in list(self._warming):
            if self._workers[place].connection.poll():
                self._warmed(place)
        for place in [place for place in self._busy if place not in self._warming]:
            while place in self._busy and self._workers[place].connection.poll():
                try:
                    message = self._workers[place].receive()
                except RunFailed as error:
                    self._lost(place, error)
                else:
                    self._hear(place, message)
        return self._told()

    def replace_ended(self) -> None:
        """See :class:`~executor.workers.workers.Workers`. It does not wait: a job that is started
        meanwhile begins when its worker is warm. Raises :class:`RunFailed` if several workers at a
        place die one after the other before they are warm."""
        for place, worker in list(self._workers.items()):
            if place not in self._busy and place not in self._warming and worker.has_ended:
                self._replace(place, 0)

    def _replace(self, place: Place, deaths: int) -> None:
        old = self._workers[place]
        if deaths >= MOST_DEATHS:
            raise WorkerLost(f"{deaths} workers in a row ended as they started: {old.epitaph()}")
        old.kill()
        self._fill(place, deaths)

    def _fill(self, place: Place, deaths: int) -> None:
        fresh = self._workers[place] = self._spawn(*place)
        self._warming[place] = deaths
        with contextlib.suppress(RunFailed):  # it is heard when it is asked next
            self._warm(place, fresh)

    def is_on_gpu(self, place: Place) -> bool:
        """True if jobs at ``place`` train on a GPU."""
        return gpu_number(place[0]) is not None

    def _warm(self, place: Place, worker: WorkerProcess) -> None:
        worker.start(WARM, threads=len(worker.cores), on_gpu=self.is_on_gpu(place))

    def _warmed(self, place: Place) -> None:
        """Reads the first message of the worker at ``place``."""
        worker, deaths = self._workers[place], self._warming.pop(place)
        try:
            worker.expect("done", timeout_s=START_LIMIT_S)
            worker.settle_clock()
        except RunFailed:
            self._replace(place, deaths + 1)
        else:
            if place in self._busy:
                self._begin(self._busy[place])

    def ask_to_stop(self, place: Place) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        with contextlib.suppress(RunFailed):  # its end is heard as an event
            self._workers[place].send("stop")

    def end(self, place: Place, why: RunFailed) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if place in self._busy:
            self._warming.pop(place, None)
            self._lost(place, why)

    def cpu_seconds(self) -> float:
        """See :class:`~executor.workers.workers.Workers`."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime + super().cpu_seconds()

    def close(self, grace_s: float) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        for worker in self._workers.values():
            worker.close_softly()
        end_s = time.monotonic() + grace_s
        for worker in self._workers.values():
            worker.close(max(0.0, end_s - time.monotonic()))
        self._workers.clear()
        self._memory.close()

    def _hear(self, place: Place, message: Message) -> None:
        to_ours_s = self._workers[place].offset_s
        at_s = message["at"] + to_ours_s
        match message["kind"]:
            case "failed":
                self._failed(place, at_s, failure_of(message))
                if self.is_on_gpu(place):
                    self._workers[place].kill()
            case "done":
                with contextlib.suppress(RunFailed):  # one that has died since is replaced
                    self._exchange(self._busy[place])
                del self._busy[place]
                self._memory.forget(place)
                self._happened.append(JobEnded(place, at_s, message["answer"]))
            case _:
                self._happened.append(event_of(place, message, to_ours_s))

    def _exchange(self, order: TrainingOrder) -> None:
        """Measures how long the threads of an idle worker take to exchange data, unless the job has
        one thread, not all of the worker's cores, or shares them. Raises :class:`RunFailed` and
        ends the worker if it has died or does not answer."""
        worker = self._workers[order.place]
        if len(worker.cores) == 1 or worker.cores != order.cores or self._layout.in_turn:
            return
        try:
            taken_us = worker.call(EXCHANGE, timeout_s=EXCHANGE_LIMIT_S)
        except RunFailed:
            worker.kill()
            raise
        self._happened.append(CoresExchanged(order.place, time.perf_counter(), taken_us))

    def _lost(self, place: Place, why: RunFailed) -> None:
        self._workers[place].kill()
        self._failed(place, time.perf_counter(), why)

    def _failed(self, place: Place, at_s: float, why: RunFailed) -> None:
        del self._busy[place]
        if isinstance(why, OutOfMemory):
            why.held_bytes = self._memory.most_bytes(place)
        guarded = self._memory.forget(place)
        self._happened.append(JobFailed(place, at_s, guarded or why))

    def _spawn(self, device: str, slot: int) -> WorkerProcess:
        cores = self._layout.cores(self._machine, device, slot)
        name = f"{device.replace(':', '-').replace('/', '-')}-{slot}.log"
        worker = WorkerProcess(
            cores,
            self._logs / name,
            shares_cores=self._layout.in_turn,
            environment=sees_only(gpu_number(device)),
        )
        self._memory.add_process(worker.pid)
        return worker
