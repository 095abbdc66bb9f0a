"""Injects faults into a run in another process, at random moments."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random

import psutil

from experiments.bench.fault_queue import ends, supervisor_of, transitions_in
from rmixer.errors import RunFailed
from rmixer.workload.workload import Job

KINDS = (
    "worker killed",
    "worker held still",
    "supervisor killed",
    "worker and supervisor killed",
    "supervisor terminated",
    "interrupted twice",
    "checkpoint cut, worker killed",
)
WEIGHTS = (8, 2, 3, 2, 2, 2, 3)
PAUSE_S = (0.02, 0.8)
START_LIMIT_S = 120.0
HANG_AFTER_S, CHECKPOINT_EVERY_S = 5.0, 0.3


class Faults:
    """Executes ``jobs`` in ``folder`` and hits the run."""

    def __init__(self, folder: Path, jobs: Sequence[Job], seed: int) -> None:
        self._folder, self._jobs = folder, list(jobs)
        self._draw = Random(seed)
        self._run: SpawnProcess | None = None

    def inject(self, count: int) -> Counter[str]:
        """Injects up to ``count`` faults, fewer if the jobs end before; then the run goes on to its
        end. Returns the number of each kind."""
        injected: Counter[str] = Counter()
        while sum(injected.values()) < count:
            if not self._is_training():
                break
            time.sleep(self._draw.uniform(*PAUSE_S))
            (kind,) = self._draw.choices(KINDS, WEIGHTS)
            injected[kind] += self._hit(kind)
        while not self._all_done():
            self._start()
            assert self._run is not None
            self._run.join()
        return injected

    def _start(self) -> None:
        if self._run is None or not self._run.is_alive():
            context = multiprocessing.get_context("spawn")
            self._run = context.Process(target=_execute, args=(self._folder, self._jobs))
            self._run.start()

    def _is_training(self) -> bool:
        """Waits until a worker trains; False if all jobs have ended instead."""
        end_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end_s:
            if self._all_done():
                return False
            self._start()
            if self._workers() and self._train_now():
                return True
            time.sleep(0.05)
        raise RunFailed(f"nothing trained for {START_LIMIT_S:.0f} s")

    def _workers(self) -> list[psutil.Process]:
        assert self._run is not None
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self._run.pid).children()
            return [each for each in children if "rmixer.training.worker" in each.cmdline()]
        return []

    def _train_now(self) -> bool:
        """True if the last entry of some job in the journal says that it trains."""
        transitions = transitions_in(self._folder)
        last = {t.job: t for t in transitions if t.job}
        opened = [t for t in transitions if t.kind in ("opened", "closed")]
        trains = any(t.kind in ("phase", "resumed", "checkpointed") for t in last.values())
        return bool(opened) and opened[-1].kind == "opened" and trains

    def _all_done(self) -> bool:
        return len(ends(self._folder).times) == len(self._jobs)

    def _hit(self, kind: str) -> bool:
        """Injects a fault; returns False if there was nothing to hit any more."""
        run, workers = self._run, self._workers()
        assert run is not None
        if not workers or run.pid is None:
            return False
        worker = self._draw.choice(sorted(workers, key=lambda each: each.pid))
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            match kind:
                case "worker killed":
                    worker.kill()
                case "worker held still":
                    worker.suspend()
                case "supervisor killed":
                    os.kill(run.pid, signal.SIGKILL)
                    run.join()
                case "worker and supervisor killed":
                    worker.kill()
                    os.kill(run.pid, signal.SIGKILL)
                    run.join()
                case "supervisor terminated":
                    os.kill(run.pid, signal.SIGTERM)
                    run.join()
                case "interrupted twice":
                    os.kill(run.pid, signal.SIGINT)
                    time.sleep(self._draw.uniform(0.0, 0.1))
                    os.kill(run.pid, signal.SIGINT)
                    run.join()
                case "checkpoint cut, worker killed":
                    return self._cut(worker)
            return True
        return False

    def _cut(self, worker: psutil.Process) -> bool:
        """Cuts a checkpoint while its job is paused, then kills that job's worker."""
        worker.suspend()
        kept = sorted((self._folder / "checkpoints").glob("*.pt"))
        for path in kept:
            with contextlib.suppress(OSError):
                os.truncate(path, path.stat().st_size // 2)
        worker.kill()
        return bool(kept)


def _execute(folder: Path, jobs: list[Job]) -> None:
    def raise_interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):  # whoever started this may ignore the latter
        signal.signal(number, raise_interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        supervisor = supervisor_of(
            folder, jobs, hang_after_s=HANG_AFTER_S, checkpoint_every_s=CHECKPOINT_EVERY_S
        )
        supervisor.execute()
