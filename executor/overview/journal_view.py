"""Reads a run's journal for a process that only watches."""

from __future__ import annotations

import time
from pathlib import Path

from executor.journal.opening import existing_journal
from executor.overview.run_view import RunState, RunView, run_view
from executor.records.run_records import RunRecords, in_order


def records_in(folder: Path) -> RunRecords:
    """Reads the records from the journal of the execution in ``folder``. Raises
    :class:`~rmixer.errors.InputError` if it is missing or damaged."""
    return read_journal(folder)[0]


def view_of(folder: Path) -> RunView | None:
    """The execution in ``folder`` as it is now; None if it has not been opened yet. Raises as
    :func:`records_in`."""
    records, last_s, began_s, written_s = read_journal(folder)
    if records.plan is None:
        return None
    state, now_s = state_of(records), time.time()
    # What is in the journal is of the moment at which it was written.
    goes_on = state == "running" and records.warm
    at_s = last_s + max(0.0, now_s - written_s) if goes_on else last_s
    return run_view(records, at_s, state).at(began_s, now_s)


def state_of(records: RunRecords) -> RunState:
    """The state of the run: running, or how it ended."""
    if records.closed is not None:
        return {"done": "done", "failed": "failed"}.get(records.closed, "interrupted")  # type: ignore[return-value]
    presence = records.process.presence() if records.process is not None else "gone"
    return {"alive": "running", "gone": "stopped"}.get(presence, "elsewhere")  # type: ignore[return-value]


def read_journal(folder: Path) -> tuple[RunRecords, float, float, float]:
    """Reads the records of the execution in ``folder``; the run's clock at the last transition; and
    the wall-clock times of the first opening and of the last transition. Raises as
    :func:`records_in`."""
    records = RunRecords()
    with existing_journal(folder, read=True) as journal:
        if not journal.is_made:
            return records, 0.0, 0.0, 0.0
        transitions = journal.transitions()
        for transition in in_order(transitions):
            records.apply(transition)
        for made in journal.steps():
            records.add_steps(made)
        began, written = journal.written("opened"), journal.written()
    if not transitions:
        return records, 0.0, 0.0, 0.0
    # Others may have been written since these were read.
    return records, transitions[-1].at_s, min(began, default=0.0), written[len(transitions) - 1]
