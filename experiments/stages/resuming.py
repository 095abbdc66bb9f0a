"""Continues the execution in a run folder after any interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from executor.journal.opening import existing_journal
from experiments.run_files.run_folder import MEASURED, SCHEDULE, SEQUENTIAL, RunFolder
from experiments.stages.execution import ExecutionRequest
from experiments.stages.inputs import inputs_of
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import parse
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.schedule import read_schedule


def begun_by(folder: RunFolder) -> str:
    """The command that began ``folder``. Raises :class:`InputError` if it does not execute."""
    folder.check_executes()
    return str(folder.config("command"))


def was_verified(folder: RunFolder) -> bool:
    """True if a run of ``folder`` also executes one job at a time, as far as can be seen."""
    return (folder.path / SEQUENTIAL).exists()


def is_over(folder: RunFolder) -> bool:
    """True if nothing is left to do in ``folder``: all its jobs have ended successfully or are
    cancelled, and there are no open requests."""
    found = folder.read(MEASURED)
    if found is None or not folder.has_begun(MEASURED):
        return False
    with existing_journal(folder.path) as journal:
        asked = journal.requests()
    return not asked and all(job.state in ("done", "cancelled") for job in found[1].jobs)


def request_of(folder: RunFolder, store: Store, report: Callable[[str], None]) -> ExecutionRequest:
    """The request of ``folder``, which ``rmixer execute`` began. Raises :class:`InputError` if the
    profiles have changed since."""
    found = inputs_of(folder.workload, None, store, report)
    problem = replace(found, machine=folder.machine)  # what of it the run uses
    settings: dict[str, Any] = folder.config("settings")
    where = folder.path / "config.yaml"
    if settings["profiles"] != sorted(problem.profiles):
        allowed = "those that the run was begun with: its jobs' code, or the machine, has changed"
        raise InputError(where, "settings.profiles", "other profiles today", allowed)
    if "schedule" in settings:
        return ExecutionRequest.of_schedule(problem, read_schedule(folder.path / SCHEDULE))
    layout = parse(settings["layout"], Layout, where)
    return ExecutionRequest(problem, layout, str(settings["policy"]))
