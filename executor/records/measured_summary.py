"""The summary of a measured run, by the same definitions as a simulated one's."""

from __future__ import annotations

from collections.abc import Mapping

from executor.records.job_record import JobRecord
from rmixer.hardware.machine import Machine
from rmixer.run_record.run_summary import DeviceSummary, RunSummary, never_started
from rmixer.workload.workload import Workload


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
        startup_s=startup_s,
        jobs=jobs,
        devices=tuple(
            DeviceSummary(device, cpu_s / core_s if core_s else 0.0, peak_bytes)
            for device, peak_bytes in peaks.items()
        ),
        probe_s=probe_s,
    )
