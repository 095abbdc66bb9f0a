"""Draws the figures of a run folder for which it has data, and those of a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from experiments.explaining.resource_use import read_use
from experiments.figures import save_all
from experiments.figures.batch_breakdown import batch_breakdown_data, draw_batch_breakdown
from experiments.figures.completions import completions_data, draw_completions
from experiments.figures.gantt import draw_gantt, gantt_data
from experiments.figures.job_error import draw_job_errors, job_error_data
from experiments.figures.operators import draw_operators, operators_data
from experiments.figures.pareto import draw_pareto, pareto_data
from experiments.figures.policies import Configuration, draw_policies, policies_data
from experiments.figures.roofline import draw_rooflines
from experiments.figures.use_over_time import draw_use, use_data
from experiments.operators.roofline import rooflines
from experiments.run_files.run_folder import (
    MEASURED,
    PREDICTED,
    REPEAT,
    SEQUENTIAL,
    SEQUENTIAL_PREDICTED,
    RunFolder,
)
from experiments.run_files.sweep_file import SweepRow, read_finalists, read_rows
from experiments.validation.comparison import read_comparison
from profiles.stored.store import Store
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.schedule import read_schedule
from rmixer.user_code.own_module import label_of
from rmixer.workload.workload import Workload


def draw_run(folder: RunFolder) -> tuple[list[Path], list[str]]:
    """Draws into ``figures/``: the schedule, the errors by job, the policies, the results of a
    sweep, the operators.

    Returns the pictures drawn and the messages of those that failed.
    """
    workload = folder.workload
    drawings: dict[str, Callable[[], Figure]] = {}
    runs = {part: found for part in (PREDICTED, MEASURED) if (found := folder.read(part))}
    if runs:
        timelines = {summary.run: timeline for timeline, summary in runs.values()}
        summaries = {summary.run: summary for _, summary in runs.values()}
        models = models_of(workload, summaries.values())
        doubtful = any(summary.doubtful for summary in summaries.values())
        title = f"Schedule of {workload.name}{_mark(doubtful)}"
        drawings["schedule"] = lambda: draw_gantt(gantt_data(timelines, models, summaries), title)
    if (folder.path / "compare.json").exists():
        comparison = read_comparison(folder.path / "compare.json")
        drawings["job_error"] = lambda: draw_job_errors(job_error_data(comparison))
    rows = read_rows(folder.path)
    if rows:
        measured = measured_makespans(folder)
        predicted = folder.prediction(MEASURED)
        doubted = predicted is not None and bool(predicted.doubtful)
        of_policies = f"Policies compared{_mark(doubted)}"
        drawings["policies"] = lambda: draw_policies(policies_data(rows, measured), of_policies)
        drawings |= _of_sweep(folder, rows)
    profiles, _ = Store().load(workload.jobs, folder.machine)
    if any(profile.operators for profile in profiles.values()):
        drawings["operators"] = lambda: draw_operators(operators_data(profiles.values()))
    target = folder.path / "figures"
    failures = save_all(drawings, target)
    return [path for name in drawings if (path := target / f"{name}.png").exists()], failures


def _of_sweep(folder: RunFolder, rows: Sequence[SweepRow]) -> dict[str, Callable[[], Figure]]:
    """The front of makespan and completion and, if the run has the data, completions of the best
    policies and the use of the machine by the best schedule."""
    best = rows[0].label
    found = {"pareto": lambda: draw_pareto(pareto_data(rows))}
    completions_s = {
        label: tuple(job.completion_s or 0.0 for job in run[1].jobs)
        for label, part in ((best, PREDICTED), (SEQUENTIAL, SEQUENTIAL_PREDICTED))
        if (run := folder.read(part))
    }
    others = {each.label: each.completions_s for each in read_finalists(folder.path)}
    curves = completions_data(completions_s | others)
    if len(curves) > 1:
        found["completions"] = lambda: draw_completions(curves)
    machine = folder.machine
    use = read_use(folder.path / PREDICTED, [device.name for device in machine.devices])
    if use is not None:
        title = f"Use over time by {best}"
        found["use"] = lambda: draw_use(use_data(use, machine), title)
    return found


def _mark(doubtful: bool) -> str:
    """The note in a title if the prediction is doubtful."""
    return " (doubtful)" if doubtful else ""


def models_of(workload: Workload, summaries: Iterable[RunSummary]) -> dict[str, str]:
    """The model of each job, with jobs added during the run."""
    added = {job.id: label_of(job.model) for run in summaries for job in run.jobs}
    return {job.id: job.label for job in workload.jobs} | added


def measured_makespans(folder: RunFolder) -> dict[Configuration, tuple[float, ...]]:
    """Measured makespans by policy and cut, from the executed schedules."""
    found: dict[Configuration, tuple[float, ...]] = {}
    for part in (MEASURED, REPEAT, SEQUENTIAL):
        run = folder.read(part)
        path = folder.path / part / "executed_schedule.json"
        if run and run[1].run == "measured" and path.exists():
            schedule = read_schedule(path)
            key = (schedule.policy, Cut.of(schedule.settings.layout))
            found[key] = (*found.get(key, ()), run[1].makespan_s)
    return found


def draw_profile(
    profile: ModelProfile, others: Iterable[ModelProfile], machine: Machine, folder: Path
) -> list[Path]:
    """Draws ``breakdown.png`` (of ``profile`` and ``others``, which differ from it only in their
    batch) and ``roofline.png`` into ``folder``; raises :class:`RunFailed` on an error."""
    label = f"{profile.identity.label} on {profile.machine}"
    panels = batch_breakdown_data([profile, *others])
    lanes = rooflines(profile, machine)
    failures = save_all(
        {
            "breakdown": lambda: draw_batch_breakdown(panels, f"Where a step of {label} goes"),
            "roofline": lambda: draw_rooflines(
                lanes, f"Operators of {label}, batch {profile.identity.batch}"
            ),
        },
        folder,
    )
    if failures:
        raise RunFailed("; ".join(failures))
    return [folder / "breakdown.png", folder / "roofline.png"]
