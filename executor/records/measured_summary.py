"""The summary of a measured run, by the same definitions as a simulated one's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from executor.records.job_record import JobRecord
from rmixer.run_record.flow_times import flow_times
from rmixer.run_record.run_summary import DeviceSummary, RunSummary, never_started
from rmixer.scheduling.problem import Problem


@dataclass(frozen=True)
class Usage:
    """What the workers of a run took: ``startup_s`` to start, ``cpu_s`` of processor time during
    the run, and ``peaks``, the largest sum of memory on each device in bytes. ``probe_s`` is how
    long the machine took for a fixed piece of work just before; None if nobody asked."""

    startup_s: float
    cpu_s: float
    peaks: Mapping[str, int]
    probe_s: float | None


def measured_summary(
    run: str, problem: Problem, policy: str, records: Mapping[str, JobRecord], usage: Usage
) -> RunSummary:
    """What ``records``, by job, saw of the run called ``run``."""
    workload, machine = problem.workload, problem.machine
    first_s = min((record.start_s for record in records.values()), default=0.0)
    makespan_s = max((record.end_s for record in records.values()), default=first_s) - first_s
    jobs = tuple(
        records[job.id].summary(first_s)
        if job.id in records
        else never_started(job.id, job.model, "queued")
        for job in workload.jobs
    )
    core_s = len(machine.cores) * makespan_s
    return RunSummary(
        run=run,
        workload=workload.name,
        machine=machine.name,
        origin="measured",
        policy=policy,
        makespan_s=makespan_s,
        samples_per_s=sum(job.samples for job in jobs) / makespan_s if makespan_s else 0.0,
        startup_s=usage.startup_s,
        jobs=jobs,
        devices=tuple(
            DeviceSummary(device, usage.cpu_s / core_s if core_s else 0.0, peak_bytes)
            for device, peak_bytes in usage.peaks.items()
        ),
        probe_s=usage.probe_s,
        **vars(flow_times(jobs)),
    )
