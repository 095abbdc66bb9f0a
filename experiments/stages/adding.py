"""Jobs that are added to a run when it has begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from experiments.stages.inputs import inputs_of
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import ProfiledJob
from rmixer.workload.workload import Job, Workload


def profiled_jobs(
    jobs: Sequence[Job],
    machine: Machine,
    layout: Layout,
    used_bytes: Mapping[str, int],
    report: Callable[[str], None],
) -> tuple[ProfiledJob, ...]:
    """``jobs`` with their costs on this machine, of which the run uses ``machine``. Raises
    :class:`InputError` for one that has no profile with the threads of any slot of ``layout``, or
    that does not fit together with ``used_bytes`` of each device's memory. Nothing is profiled
    here: a run may be using the cores."""
    problem = inputs_of(Workload("added", 0, tuple(jobs)), None, Store(), report)
    check_memory(replace(problem, machine=machine), layout, used_bytes)
    for each in problem.jobs:
        known = {kind: set(cost.step_s) for kind, cost in each.costs.items()}
        if not any(entry.threads in known.get(entry.kind, ()) for entry in layout.devices):
            wanted = sorted({entry.threads for entry in layout.devices if entry.kind in known})
            found = f"a profile with {_counts(set().union(*known.values()))} thread(s)"
            allowed = f"one with {_counts(wanted)}, as slots have: `rmixer profile run --threads`"
            raise InputError("workload added", each.job.id, found, allowed)
    return problem.jobs


def _counts(numbers: Sequence[int] | set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
