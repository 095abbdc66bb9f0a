"""Measures the memory of eight workers that train on one data set, which should count once."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from profiles.machines import limits
from rmixer.data.prepare import open_dataset, prepare
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess
from rmixer.training.tasks import TRAIN_JOB
from rmixer.workload.workload import Job, job_of

WORKERS, MODEL, ROWS = 8, "criteo_dlrm", 1000
TRAIN_S = 8.0
DATA_TIMES = 1.2


@dataclass(frozen=True)
class Shared:
    """In MiB: a worker that trains alone, without the mapped part of its data; the data set as the
    workers see it; and all workers together, with shared pages counted once."""

    workers: int
    bare_mib: float
    data_mib: float
    together_mib: float

    @property
    def allowed_mib(self) -> float:
        """1.2 times the data and a bare worker each."""
        return DATA_TIMES * self.data_mib + self.workers * self.bare_mib


def shared_memory() -> Shared:
    """Measures it with :data:`MODEL` on its synthetic data."""
    facts = job_of(MODEL)
    prepare(facts.entry.dataset, facts.data)
    arrays = open_dataset(facts.entry.dataset, facts.data)
    job = replace(facts, rows_cap=ROWS, batch=64, steps=10**7)
    with tempfile.TemporaryDirectory() as folder:
        alone, mapped = _proportional_mib([job], Path(folder))
        together, _ = _proportional_mib([job] * WORKERS, Path(folder))
    data = sum(values.nbytes for values in arrays.values.values()) / (1 << 20)
    return Shared(WORKERS, alone - mapped, data, together)


def _proportional_mib(jobs: list[Job], folder: Path) -> tuple[float, float]:
    """The memory of the workers of ``jobs`` together, and the part that is the data."""
    cores = limits.usable_cores()
    workers = [WorkerProcess([cores[at % len(cores)]]) for at in range(len(jobs))]
    try:
        for worker in workers:
            worker.warm_up()
        for at, (worker, job) in enumerate(zip(workers, jobs, strict=True)):
            worker.start(TRAIN_JOB, job=job, files=JobFiles(str(folder / f"{at}.pt")))
        time.sleep(TRAIN_S)
        held = [_pss_mib(worker.pid) for worker in workers]
        return sum(total for total, _ in held), sum(data for _, data in held)
    finally:
        for worker in workers:
            worker.kill()


def _pss_mib(pid: int) -> tuple[float, float]:
    """Memory of a process, with its share of each shared page; and the same for the data set's
    files alone."""
    maps = psutil.Process(pid).memory_maps()
    data = sum(each.pss for each in maps if each.path.endswith(".npy"))
    return sum(each.pss for each in maps) / (1 << 20), data / (1 << 20)
