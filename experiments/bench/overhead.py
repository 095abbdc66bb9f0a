"""Measures the cost of execution besides training: one command, on a quiet machine, five minutes.

``python -m experiments.bench.overhead [--scale 0.22] [--out FILE]``: ``balance_24`` shrunk until it
takes about three minutes on two slots of a core each, with checkpoints. Profiles are made up: the
executor only reads from them what a job may hold. Then it measures the memory of eight workers that
train on one data set, which should count once.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

import click
import psutil

from executor.journal.journal import NAME, Journal
from executor.journal.transitions import Transition
from experiments.bench.fault_queue import supervisor_of
from experiments.bench.findings import Columns, out_option, rows_as_text, tell
from profiles.machines import limits
from rmixer.data.prepare import open_dataset, prepare
from rmixer.training.job_files import JobFiles
from rmixer.training.process import WorkerProcess
from rmixer.training.tasks import TRAIN_JOB
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Job, job_of
from rmixer.workload.workload_file import read_workload

WORKLOAD = Path(__file__).parents[1] / "workloads" / "balance_24.yaml"
PEAK_BYTES = 3 << 30
WORKERS, MODEL, ROWS = 8, "criteo_dlrm", 1000
TRAIN_S = 8.0
DATA_TIMES = 1.2
GOALS = {
    "build_ms_median": 50.0,
    "build_ms_max": 50.0,
    "supervisor_share": 0.02,
    "beyond_share": 0.02,
    "checkpoint_share": 0.01,
}


@click.command()
@click.option("--scale", type=float, default=0.22, show_default=True, help="Of the steps.")
@out_option
def main(scale: float, out: Path | None) -> None:
    """Executes, and adds up the journal."""
    jobs = Shrinking(scale, 512, 100_000).apply(read_workload(WORKLOAD)).jobs
    with tempfile.TemporaryDirectory() as folder:
        supervisor = supervisor_of(Path(folder), jobs, PEAK_BYTES)
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        run = supervisor.execute()
        wall_s = time.perf_counter() - begin_s
        cpu_s = time.process_time() - begin_cpu_s
        with Journal(Path(folder) / NAME) as journal:
            found = figures(journal.transitions(), journal.step_ends_s())
    if any(job.state != "done" for job in run.summary.jobs):
        raise click.ClickException("a job did not finish")
    found["supervisor_share"] = cpu_s / wall_s
    found["makespan_s"] = run.summary.makespan_s
    shared = shared_memory()
    rows = [(name, value, GOALS.get(name)) for name, value in found.items()]
    columns: Columns = {
        "figure": "{0[0]}",
        "measured": "{0[1]:.4g}",
        "at most": lambda row: "" if row[2] is None else f"{row[2]:.4g}",
    }
    rows.append(("eight_workers_mib", shared.together_mib, shared.allowed_mib))
    tell(rows_as_text(rows, columns), out, {**found, "eight_workers": shared})


def figures(
    transitions: list[Transition], step_ends_s: dict[tuple[str, int], list[float]]
) -> dict[str, float]:
    """Figures of a run without failures: the time that jobs waited after their dispatch; the share
    of the time on the slot that ended last that was neither a step, nor another phase, nor a
    checkpoint; and the share of training that checkpoints took."""
    attempts = _attempts(transitions)
    build_ms = [1e3 * (each.phases[0][1] - each.dispatched_s) for each in attempts]
    kept_s = sum(each.checkpoints_s for each in attempts)
    train_s = sum(each.trained_s() for each in attempts)
    last = max(attempts, key=lambda each: each.end_s)
    path = [each for each in attempts if each.slot == last.slot]
    whole_s = last.end_s - min(each.dispatched_s for each in path)
    used_s = sum(each.end_s - each.phases[0][1] for each in path)
    waits_s = sum(each.phases[0][1] - each.dispatched_s for each in path)
    steps = sum(len(ends_s) for ends_s in step_ends_s.values())
    return {
        "jobs": len(attempts),
        "steps": steps,
        "build_ms_median": median(build_ms),
        "build_ms_mean": fmean(build_ms),
        "build_ms_max": max(build_ms),
        "beyond_share": (whole_s - used_s - waits_s) / whole_s,
        "checkpoints": sum(each.checkpoints for each in attempts),
        "checkpoint_share": kept_s / train_s,
    }


class _Attempt:
    """A job's only attempt."""

    def __init__(self, slot: int, dispatched_s: float) -> None:
        self.slot, self.dispatched_s = slot, dispatched_s
        self.phases: list[tuple[str, float]] = []
        self.checkpoints, self.checkpoints_s, self.end_s = 0, 0.0, 0.0

    def trained_s(self) -> float:
        """Seconds between the beginning of training and of what follows."""
        begins = dict(self.phases)
        if "train" not in begins:
            return 0.0
        later = [at_s for _, at_s in self.phases if at_s > begins["train"]]
        return min([*later, self.end_s]) - begins["train"]


def _attempts(transitions: list[Transition]) -> list[_Attempt]:
    found: dict[str, _Attempt] = {}
    for each in transitions:
        if each.kind == "dispatched":
            found[each.job] = _Attempt(each.detail["booking"]["slot"], each.at_s)
        elif each.kind == "phase":
            found[each.job].phases.append((each.detail["phase"], each.at_s))
        elif each.kind == "checkpointed":
            found[each.job].checkpoints += 1
            found[each.job].checkpoints_s += each.detail["took_s"]
        elif each.kind == "ended":
            found[each.job].end_s = each.at_s
    return list(found.values())


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


if __name__ == "__main__":
    main()
