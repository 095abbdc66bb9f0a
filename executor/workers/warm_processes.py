"""Workers of one machine: a process for each slot, spawned ahead, pinned and warm."""

from __future__ import annotations

import contextlib
import resource
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

from executor.workers.process_table import ProcessTable
from executor.workers.workers import (
    Checkpointed,
    CheckpointFailed,
    CoresExchanged,
    Event,
    JobEnded,
    JobFailed,
    LossWentBad,
    PhaseBegan,
    Place,
    Resumed,
    StepsMade,
    TrainingOrder,
    Usage,
)
from profiles.machines.tasks import EXCHANGE
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.task_failure import failure_of
from rmixer.training.tasks import TRAIN_JOB, WARM

EXCHANGE_LIMIT_S = 10.0


class WarmProcesses:
    """See :class:`executor.workers.workers.Workers`. Each is a :class:`WorkerProcess`; ``logs`` is
    the folder for what they print."""

    def __init__(self, machine: Machine, layout: Layout, logs: Path) -> None:
        self._machine, self._layout, self._logs = machine, layout, logs
        self._workers: dict[Place, WorkerProcess] = {}
        self._busy: dict[Place, TrainingOrder] = {}
        self._happened: list[Event] = []
        self._table = ProcessTable()
        self.startup_s = 0.0

    def open(self) -> None:
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

    def start(self, order: TrainingOrder) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        self._busy[order.place] = order
        try:
            self._exchange(order)
            self._workers[order.place].start(
                TRAIN_JOB,
                job=order.job,
                save_to=str(order.save_to),
                cores=order.cores,
                checkpointing=order.checkpointing,
            )
        except RunFailed as error:
            self._lost(order.place, error)

    def wait(self, timeout_s: float | None) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if not self._happened:
            wait(self.waitables(), timeout_s)

    def waitables(self) -> list[Connection]:
        """What is ready to be read as soon as a busy worker has said something."""
        return [self._workers[place].connection for place in self._busy]

    @property
    def has_events(self) -> bool:
        """Whether something has happened that :meth:`events` need not wait for."""
        return bool(self._happened)

    def events(self) -> list[Event]:
        """See :class:`~executor.workers.workers.Workers`."""
        for place in list(self._busy):
            while place in self._busy and self._workers[place].connection.poll():
                try:
                    message = self._workers[place].receive()
                except RunFailed as error:
                    self._lost(place, error)
                else:
                    self._hear(place, message)
        happened, self._happened = self._happened, []
        return happened

    def replace_ended(self) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        for place, worker in list(self._workers.items()):
            if place not in self._busy and worker.has_ended:
                worker.kill()
                fresh = self._workers[place] = self._spawn(*place)
                fresh.warm_up()

    def ask_to_stop(self, place: Place) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        with contextlib.suppress(RunFailed):  # its end is heard as an event
            self._workers[place].send("stop")

    def usage(self, place: Place) -> Usage | None:
        """See :class:`executor.workers.workers.Workers`."""
        return self._table.usage(self._workers[place].pid)

    def end(self, place: Place, why: RunFailed) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if place in self._busy:
            self._lost(place, why)

    def cpu_seconds(self) -> float:
        """See :class:`~executor.workers.workers.Workers`; with the data loaders of their finished
        jobs."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = ended.ru_utime + ended.ru_stime
        for worker in self._workers.values():
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(worker.pid).cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def close(self, grace_s: float) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        for worker in self._workers.values():
            worker.close_softly()
        end_s = time.monotonic() + grace_s
        for worker in self._workers.values():
            worker.close(max(0.0, end_s - time.monotonic()))
        self._workers.clear()

    def _hear(self, place: Place, message: Message) -> None:
        to_ours_s = self._workers[place].offset_s
        at_s = message["at"] + to_ours_s
        match message["kind"]:
            case "phase":
                self._happened.append(PhaseBegan(place, at_s, message["phase"]))
            case "steps":
                ends_s = tuple(end_s + to_ours_s for end_s in message["ends"])
                self._happened.append(StepsMade(place, at_s, ends_s))
            case "resumed":
                remarks = tuple(message["remarks"])
                self._happened.append(Resumed(place, at_s, message["steps"], remarks))
            case "checkpointed":
                told = message["steps"], message["took_s"]
                self._happened.append(Checkpointed(place, at_s, *told))
            case "checkpoint_failed":
                self._happened.append(CheckpointFailed(place, at_s, message["text"]))
            case "not_finite":
                self._happened.append(LossWentBad(place, at_s, message["step"], message["text"]))
            case "failed":
                del self._busy[place]
                self._happened.append(JobFailed(place, at_s, failure_of(message)))
            case "done":
                with contextlib.suppress(RunFailed):  # one that has died since is replaced
                    self._exchange(self._busy[place])
                del self._busy[place]
                self._happened.append(JobEnded(place, at_s, message["answer"]))

    def _exchange(self, order: TrainingOrder) -> None:
        """Measure how long the threads of an idle worker take to exchange data, unless the job has
        one thread, not all of the worker's cores, or shares them. Raises :class:`RunFailed` if the
        worker has died or does not answer; it is no more then."""
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
        del self._busy[place]
        self._workers[place].kill()
        self._happened.append(JobFailed(place, time.perf_counter(), why))

    def _spawn(self, device: str, slot: int) -> WorkerProcess:
        cores = self._layout.cores(self._machine, device, slot)
        name = f"{device.replace(':', '-').replace('/', '-')}-{slot}.log"
        return WorkerProcess(cores, self._logs / name, shares_cores=self._layout.in_turn)
