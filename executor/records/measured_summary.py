"""The summary of a measured run, by the same definitions as a simulated one's."""

from __future__ import annotations

from collections.abc import Mapping

from executor.records.job_record import JobRecord
from rmixer.hardware.machine import Machine
from rmixer.run_record.run_summary import DeviceSummary, JobSummary, RunSummary
from rmixer.workload.workload import Job, Workload


def measured_summary(
    run: str,
    workload: Workload,
    machine: Machine,
    policy: str,
    records: Mapping[str, JobRecord],
    *,
    startup_s: float,
    probe_s: float | None,
    peaks: Mapping[str, int],
    cpu_s: float,
) -> RunSummary:
    """What ``records``, by job, saw of a run. ``startup_s`` is what its workers took to start,
    ``peaks`` the largest sum of memory on each device, and ``cpu_s`` the processor time of all
    workers during the run."""
    first_s = min((record.start_s for record in records.values()), default=0.0)
    makespan_s = max((record.end_s for record in records.values()), default=first_s) - first_s
    jobs = tuple(
        records[job.id].summary(first_s) if job.id in records else _queued(job)
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
        startup_s=startup_s,
        jobs=jobs,
        devices=tuple(
            DeviceSummary(device, cpu_s / core_s if core_s else 0.0, peak_bytes)
            for device, peak_bytes in peaks.items()
        ),
        probe_s=probe_s,
    )


def _queued(job: Job) -> JobSummary:
    """Of a job that was never started."""
    return JobSummary(
        id=job.id,
        model=job.model,
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
        state="queued",
    )
