"""The prediction in a run folder, with the problem behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.run_files.run_folder import MEASURED, PREDICTED, SCHEDULE, RunFolder
from experiments.stages.durations import problem_of_table
from experiments.stages.inputs import inputs_of
from experiments.stages.supposed import supposed
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import parse
from rmixer.hardware.machine import Machine
from rmixer.hardware.what_if import WhatIf, what_if_of
from rmixer.imported.durations import DurationTable, NamedDuration
from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Timeline
from rmixer.scheduling.devices import devices_in_use
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.schedule import read_schedule
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.workload.workload import Workload


@dataclass(frozen=True)
class Known:
    """The inputs of a prediction before any supposed change: profiles of the ``problem``, or a
    ``table`` of durations. ``what_if`` are the changes that the run supposed."""

    problem: Problem
    what_if: WhatIf
    store: Store
    table: DurationTable | None = None

    def supposing(self, what_if: WhatIf) -> Problem:
        """The problem on the machine with the changes of ``what_if`` instead of the run's. Raises
        :class:`InputError` for impossible ones."""
        problem, machine = self.problem, self.problem.machine
        if self.table is not None:
            return _of_table(problem.workload, self.table, what_if.machine_of(machine))
        found, profiles = supposed(what_if, machine, problem.profiles, lambda _: None)
        in_use = devices_in_use(found, profiles.values())
        return replace(problem_of(problem.workload, in_use, profiles), noise=problem.noise)


@dataclass(frozen=True)
class PredictedRun:
    """The prediction in ``folder``: by ``policy`` on the slots of ``layout``. ``problem`` is
    ``known`` with the changes that the run supposed."""

    folder: RunFolder
    known: Known
    problem: Problem
    policy: str
    layout: Layout
    timeline: Timeline
    summary: RunSummary

    @property
    def cut(self) -> Cut:
        """Its slots and threads."""
        return Cut.of(self.layout)


def predicted_run(
    path: Path, report: Callable[[str], None], machine: str | None = None
) -> PredictedRun:
    """The prediction of the run in ``path``, with today's profiles. The machine is the known one
    with the name in the run, or ``machine``, with the run's limits on it. Raises
    :class:`InputError` if there is no run, no prediction in it, or no profile."""
    folder = RunFolder.open(path)
    found = folder.read(PREDICTED) or folder.read(MEASURED)
    if found is None or found[1].run != "predicted":
        allowed = "a run with a prediction (of `rmixer run`, `sweep`, `simulate` or `execute`)"
        raise InputError(path, "", "a run without a prediction", allowed)
    settings: dict[str, Any] = folder.config("settings")
    policy, layout = _decided(folder, settings)
    known = _known(folder, settings, machine, report)
    problem = known.supposing(known.what_if)
    timeline, summary = found
    if lost := [job.id for job in summary.jobs if job.id not in problem.by_id]:
        allowed = "a prediction of the jobs in config.yaml"
        raise InputError(path, "summary.json", f"the job {lost[0]!r}", allowed)
    return PredictedRun(folder, known, problem, policy, layout, timeline, summary)


def _decided(folder: RunFolder, settings: Mapping[str, Any]) -> tuple[str, Layout]:
    """The policy and the layout of the prediction."""
    if (folder.path / SCHEDULE).exists():
        schedule = read_schedule(folder.path / SCHEDULE)
        return schedule.policy, schedule.settings.layout
    where = folder.path / "config.yaml"
    for key in ("policy", "layout"):
        if key not in settings:
            raise InputError(where, f"settings.{key}", "nothing", "a value (this key is required)")
    return str(settings["policy"]), parse(settings["layout"], Layout, where)


def _known(
    folder: RunFolder,
    settings: Mapping[str, Any],
    machine: str | None,
    report: Callable[[str], None],
) -> Known:
    workload, used, store = folder.workload, folder.machine, Store()
    where = folder.path / "config.yaml"
    supposed = parse(settings.get("what_if", {}), dict[str, float], where)
    if "durations" in settings:
        rows = parse(settings["durations"], tuple[NamedDuration, ...], where)
        table = DurationTable(where, (), rows)
        return Known(_of_table(workload, table, used), WhatIf(), store, table)
    name = machine or used.name.partition("+")[0]
    problem = inputs_of(workload, name, store, report)
    if not supposed:  # a run may use only some of its machine
        _check_same(used, problem.machine, folder)
        problem = replace(problem, machine=used)
    texts = {key: str(value).removesuffix(".0") for key, value in supposed.items()}
    return Known(problem, what_if_of(texts), store)


def _check_same(used: Machine, known: Machine, folder: RunFolder) -> None:
    """Raises :class:`InputError` if the machine of a run differs from the ``known`` one of its
    name: profiles of one do not apply to the other."""
    if known.processor != used.processor or not set(used.cores) <= set(known.cores):
        found = f"{used.name}: {len(used.cores)} cores of {used.processor}"
        allowed = f"the machine that is known by this name: {known.processor}"
        raise InputError(folder.path, "machine", found, f"{allowed} (--machine takes another)")


def _of_table(workload: Workload, table: DurationTable, machine: Machine) -> Problem:
    counts = tuple(range(1, len(machine.cores) + 1))
    wanted = Wanted(gpu_threads=counts if machine.gpus else None, cpu_threads=counts)
    return problem_of_table(workload, table, machine, wanted)
