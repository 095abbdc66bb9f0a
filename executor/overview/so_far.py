"""The record of a run that was not closed, as far as its journal goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from executor.overview.journal_view import read_journal, state_of
from executor.overview.run_view import Failure, RunState, failures_of
from executor.records.job_record import timeline_of
from executor.records.measured_summary import Usage, measured_summary
from executor.records.run_records import RunRecords
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.problem import Problem


@dataclass(frozen=True)
class SoFar:
    """An execution read from its journal: its ``state`` now, the failures of each job, and the
    ``record`` of a run that is interrupted at the last transition (None without any attempt)."""

    state: RunState
    failures: Mapping[str, tuple[Failure, ...]]
    record: tuple[Timeline, RunSummary] | None


def so_far(folder: Path, problem: Problem) -> SoFar | None:
    """Reads the journal in ``folder`` of the execution of ``problem``, whose profiles are not
    needed. Returns None if it has not been opened. Jobs that run count as interrupted, and the busy
    fractions of devices are None. Raises :class:`~rmixer.errors.InputError` for a journal that is
    missing or damaged."""
    records, last_s, _, _ = read_journal(folder)
    if records.plan is None:
        return None
    for each in records.running:
        each.end_s = max(last_s, each.start_s, *each.step_ends_s[-1:])
    failures = {job: failures_of(attempts) for job, attempts in records.attempts.items()}
    return SoFar(state_of(records), failures, _record(records, problem))


def _record(records: RunRecords, problem: Problem) -> tuple[Timeline, RunSummary] | None:
    if records.plan is None or not records.attempts:
        return None
    usage = Usage(startup_s=0.0, cpu_s=0.0, probe_s=None)
    run = "measured"
    summary = measured_summary(run, problem, records.plan.policy, records, usage)
    devices = tuple(replace(device, busy_fraction=None) for device in summary.devices)
    attempts = [record for each in records.attempts.values() for record in each]
    return timeline_of(attempts, run), replace(summary, devices=devices)
