"""The summary of a measured run, by the same definitions as a simulated one's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from executor.records.job_record import summary_of
from executor.records.known_job import KnownJob
from executor.records.run_records import RunRecords
from rmixer.hardware.machine import gpu_number
from rmixer.run_record.flow_times import flow_times
from rmixer.run_record.run_summary import DeviceSummary, JobSummary, RunSummary, never_started
from rmixer.scheduling.problem import Problem


@dataclass(frozen=True)
class Usage:
    """Resources of a run's workers: ``startup_s`` to start, ``cpu_s`` of processor time during the
    run. ``probe_s`` is the machine's time for a fixed piece of work just before; None if it was not
    measured."""

    startup_s: float
    cpu_s: float
    probe_s: float | None


def measured_summary(
    run: str, problem: Problem, policy: str, records: RunRecords, usage: Usage
) -> RunSummary:
    """The summary of the run called ``run``, of ``problem`` and of jobs added later. The CPU's busy
    fraction is None if the run was opened again, because an earlier part may have been killed. A
    GPU's is not measured."""
    workload, machine = problem.workload, problem.machine
    ran = [record for each in records.attempts.values() for record in each]
    first_s = min((record.start_s for record in ran), default=0.0)
    makespan_s = max((record.end_s for record in ran), default=first_s) - first_s
    jobs = tuple(_line(each, records, first_s) for each in records.jobs.values())
    busy = None
    if records.parts == 1:
        core_s = len(machine.cores) * makespan_s
        busy = usage.cpu_s / core_s if core_s else 0.0
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
            DeviceSummary(device, busy if gpu_number(device) is None else None, peak_bytes)
            for device, peak_bytes in records.ledger.peaks.items()
        ),
        probe_s=usage.probe_s,
        interruptions=records.interruptions,
        **vars(flow_times(jobs)),
    )


def _line(each: KnownJob, records: RunRecords, first_s: float) -> JobSummary:
    job = each.job
    attempts = records.attempts.get(job.id)
    cancelled = job.id in records.cancelled
    if attempts is None:
        line = never_started(job.id, job.model, "cancelled" if cancelled else "queued")
    else:
        line = summary_of(attempts, first_s)
        if cancelled and line.state != "done":
            line = replace(line, state="cancelled")
    return replace(line, late=each.late)
