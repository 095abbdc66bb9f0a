"""``summary.json`` of a run, simulated or measured, with the same fields for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from rmixer.files.strict import Strict
from rmixer.files.typed_files import load_json, parse
from rmixer.hardware.machine import check_schema

SCHEMA_VERSION: Final = 1
Origin = Literal["measured", "modelled", "table"]
Range = tuple[float, float]


@dataclass(frozen=True)
class JobSummary(Strict):
    """One job. Times count from the first dispatch of the run; ``arrival_s`` is below 0 if the
    job arrived before that, and None in records of earlier releases and for one that never started.

    ``step_ms_p50`` and ``step_ms_mean`` are over its training steps after warm-up, the mean without
    stalls; ``stall_s`` is the total time of these stalls. ``exchange_us`` is the time of a job with
    several threads, each on its core, to exchange a fixed amount of data: measured before and after
    the job (the mean) or, in a prediction, when it was profiled (None: not measured). ``loss`` and
    ``quality`` (``auc`` or another, by name) are of held-out batches after training (none in a
    simulation); None is a figure that is not finite. ``nan_step`` is the first step whose loss was
    NaN or infinite. ``end_interval_s`` and ``step_interval_ms`` are the 90% intervals of ``end_s``
    and ``step_ms_p50`` in a prediction, if known. ``causes`` lists the cause of each failed attempt
    (``out_of_memory``, ``lost_worker``, ...). A ``late`` job was added after the run had begun: no
    prediction includes it. A job that ``stopped_early`` was done before its last step, because its
    metric no longer improved.
    """

    id: str
    model: str
    device: str
    slot: int
    threads: int
    attempt: int
    start_s: float
    end_s: float
    steps: int
    samples: int
    step_ms_p50: float | None
    step_ms_mean: float | None
    stall_s: float
    peak_bytes: int
    state: Literal["done", "failed", "interrupted", "queued", "cancelled"]
    first_loss: float | None = None
    loss: float | None = None
    quality: dict[str, float | None] = field(default_factory=dict)
    error: str | None = None
    exchange_us: float | None = None
    nan_step: int | None = None
    arrival_s: float | None = None
    end_interval_s: Range | None = None
    step_interval_ms: Range | None = None
    causes: tuple[str, ...] = ()
    late: bool = False
    stopped_early: bool = False

    @property
    def started(self) -> bool:
        """True if it ever ran."""
        return self.attempt > 0

    @property
    def completion_s(self) -> float | None:
        """Seconds from its arrival to its end; None if it is not done or its arrival is unknown."""
        if self.state != "done" or self.arrival_s is None:
            return None
        return self.end_s - self.arrival_s

    @property
    def waiting_s(self) -> float | None:
        """Seconds from its arrival to its start; None if it never started or its arrival is
        unknown."""
        if not self.started or self.arrival_s is None:
            return None
        return self.start_s - self.arrival_s

    @property
    def was_left_out(self) -> bool:
        """True if it failed before the run, which then ran only the other jobs."""
        return self.state == "failed" and not self.started


@dataclass(frozen=True)
class DeviceSummary(Strict):
    """One device. ``busy_fraction`` of the CPU is core-seconds used over cores x makespan; of a GPU
    the share of the makespan in which it computes; None if unknown. ``peak_bytes`` is the largest
    sum of its jobs' memory at one time."""

    name: str
    busy_fraction: float | None
    peak_bytes: int


@dataclass(frozen=True)
class RunSummary(Strict):
    """One run of one schedule. ``makespan_s`` is from the first dispatch to the end of the last
    job, with warm workers; ``startup_s`` is the time to warm them up before that. ``probe_s`` is
    the time of a fixed computation on all cores just before the run or, for a prediction, when its
    profiles were made. ``origin`` of the profiles is measured, modelled, or ``table`` for a table
    of durations. ``shared_with`` names other runs that used the same cores meanwhile
    (``--share-machine``), which changed the times. Means and 95th percentiles of completion and
    waiting are those of :class:`~rmixer.run_record.flow_times.FlowTimes`. ``makespan_interval_s``
    is the 90% interval of a predicted makespan, if known, and ``machine_noise`` the difference that
    it expects between two executions of one schedule, as a fraction. ``interruptions`` counts the
    stops before the run went on; the time between is not part of the run, repeated work is.
    ``doubtful`` has a line for each reason why a prediction may be far off
    (:mod:`rmixer.model_profile.doubts`)."""

    run: str
    workload: str
    machine: str
    origin: Origin
    policy: str
    makespan_s: float
    samples_per_s: float
    startup_s: float
    jobs: tuple[JobSummary, ...]
    devices: tuple[DeviceSummary, ...]
    probe_s: float | None = None
    shared_with: tuple[str, ...] = ()
    level: str | None = None
    completion_mean_s: float | None = None
    completion_p95_s: float | None = None
    waiting_mean_s: float | None = None
    waiting_p95_s: float | None = None
    makespan_interval_s: Range | None = None
    machine_noise: float | None = None
    interruptions: int = 0
    doubtful: tuple[str, ...] = ()
    schema_version: Literal[1] = SCHEMA_VERSION

    def job(self, name: str) -> JobSummary:
        """The job with this id."""
        return next(job for job in self.jobs if job.id == name)


def never_started(
    job: str,
    model: str,
    state: Literal["queued", "failed", "cancelled"],
    error: str | None = None,
) -> JobSummary:
    """The line of a job that never started: no device and no time."""
    return JobSummary(
        id=job,
        model=model,
        device="",
        slot=0,
        threads=0,
        attempt=0,
        start_s=0.0,
        end_s=0.0,
        steps=0,
        samples=0,
        step_ms_p50=None,
        step_ms_mean=None,
        stall_s=0.0,
        peak_bytes=0,
        state=state,
        error=error,
    )


def read_summary(path: Path) -> RunSummary:
    """The summary at ``path``; raises :class:`InputError`."""
    data: Any = load_json(path, "run summary")
    check_schema(data, path, SCHEMA_VERSION)
    return parse(data, RunSummary, path)
