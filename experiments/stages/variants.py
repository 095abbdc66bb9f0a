"""Simulates a run again with a little more of some resource, to find its effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from experiments.explaining.explanation import Outlook, Variant
from experiments.stages.half_batch import half_batch
from experiments.stages.layouts import profiled_threads
from experiments.stages.predicted_run import PredictedRun
from experiments.stages.stand_in import Decider
from rmixer.errors import InputError, RunFailed
from rmixer.hardware.what_if import GIB
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem
from rmixer.scheduling.view import MEMORY_MARGIN
from sim.job_level.simulate import Level

FULL = 0.8
"""A device whose jobs book this share of its memory may hold too few of them."""


class _CannotTryError(Exception):
    """The reason why a variant is not simulated."""


Trial = Callable[[], tuple[str, Problem, Cut | None]]
"""Returns a description of the change, the problem to simulate, and its slots (None: the run's)."""


def outlook_of(
    run: PredictedRun,
    decider: Decider,
    report: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Outlook:
    """The effect of one more slot, GPU or core and of half the batch on the makespan of ``run``, by
    ``decider``. All are simulated at the level of the baseline, which is simulated anew, too.
    ``report`` gets a line for each profile predicted for it, ``progress`` is called with (done,
    total)."""
    trials = list(_trials(run, decider, report))
    progress(0, len(trials) + 1)
    cut, before = decider.again(run)
    level: Level = "operator" if before.level == "operator" else "job"
    variants = []
    for done, (title, trial) in enumerate(trials, start=1):
        progress(done, len(trials) + 1)
        variants.append(_variant(title, trial, decider, level, before.makespan_s))
    progress(1, 1)
    return Outlook(
        policy=decider.policy,
        cut=cut,
        level=level,
        makespan_s=before.makespan_s,
        variants=tuple(variants),
        stand_in=decider.why,
        searched=decider.searched,
    )


def _variant(title: str, trial: Trial, decider: Decider, level: Level, before_s: float) -> Variant:
    try:
        what, problem, cut = trial()
        after_s = decider.simulated(problem, cut, level).makespan_s
    except (_CannotTryError, InputError, RunFailed) as error:
        return Variant(title, why=str(error).partition("\n")[0])
    return Variant(what, after_s, after_s / before_s - 1.0)


def _trials(
    run: PredictedRun, decider: Decider, report: Callable[[str], None]
) -> Iterator[tuple[str, Trial]]:
    """The variants to try, each with its title."""
    problem, cut = run.problem, decider.cut
    if problem.machine.gpus:
        yield "one more slot on each GPU", lambda: _one_more_slot(problem, decider, cut, "gpu")
    yield "one more slot on the CPU", lambda: _one_more_slot(problem, decider, cut, "cpu")
    yield "one more GPU", lambda: _one_more_gpu(run, decider, cut)
    yield "one more core", lambda: _one_more_core(run, decider, cut)
    full = {
        each.kind
        for each in problem.machine.devices
        for used in run.summary.devices
        if each.name == used.name and MEMORY_MARGIN * used.peak_bytes > FULL * each.memory_bytes
    }
    if "gpu" in full:
        yield "twice the memory of each GPU", lambda: _more_memory(run, "gpu")
    if "cpu" in full:
        yield "twice the memory of the host", lambda: _more_memory(run, "cpu")
    yield "half the batch", lambda: _half_the_batch(run, report)


def _one_more_slot(
    problem: Problem, decider: Decider, cut: Cut, kind: str
) -> tuple[str, Problem, Cut | None]:
    if decider.fixed:
        raise _CannotTryError(decider.fixed)
    more = _with_slot(problem, cut, kind)
    cores = len(problem.machine.cores)
    if more.cores(problem.machine) > cores:
        found = f"{cut.cores(problem.machine)} of {cores} cores have a slot"
        raise _CannotTryError(f"{found}, and it would need {more.cores(problem.machine)}")
    where = "each GPU" if kind == "gpu" else "the CPU"
    return f"one more slot on {where} ({more})", problem, more


def _with_slot(problem: Problem, cut: Cut, kind: str) -> Cut:
    """``cut`` with one more slot of ``kind``, with the fewest profiled threads if it is the
    first."""
    counts = profiled_threads(problem.profiles.values()).get(kind)
    if not counts:
        name = "a GPU" if kind == "gpu" else "the CPU"
        raise _CannotTryError(f"no job is profiled on {name}")
    slots, threads = getattr(cut, f"{kind}_slots"), getattr(cut, f"{kind}_threads")
    more = {f"{kind}_slots": slots + 1, f"{kind}_threads": threads if slots else counts[0]}
    return replace(cut, **more)


def _one_more_gpu(run: PredictedRun, decider: Decider, cut: Cut) -> tuple[str, Problem, Cut | None]:
    has = len(run.problem.machine.gpus)
    if not has:
        raise _CannotTryError("the jobs of this run use no GPU")
    if not cut.gpu_slots and not decider.fixed:
        raise _CannotTryError("the schedule has no slots on GPUs")
    problem = run.known.supposing(replace(run.known.what_if, gpus=has + 1))
    if decider.fixed:
        return f"one more GPU ({has + 1})", problem, None
    cores = len(problem.machine.cores)
    fewer = [replace(cut, gpu_slots=slots) for slots in range(cut.gpu_slots, 0, -1)]
    fitting = next((each for each in fewer if each.cores(problem.machine) <= cores), None)
    if fitting is None:
        raise _CannotTryError(f"no core of {cores} is left for a slot on it")
    return f"one more GPU ({has + 1}; {fitting})", problem, fitting


def _one_more_core(
    run: PredictedRun, decider: Decider, cut: Cut
) -> tuple[str, Problem, Cut | None]:
    """One more core with a slot on it: a core on which no job runs changes nothing."""
    machine = run.problem.machine
    has = len(machine.cores)
    used = cut.cores(machine)
    if not decider.fixed and used < has:
        raise _CannotTryError(f"{has - used} of {has} cores have no slot yet")
    problem = run.known.supposing(replace(run.known.what_if, cores=has + 1))
    if decider.fixed:
        return f"one more core ({has + 1})", problem, None
    for kind in ("gpu", "cpu"):
        try:
            more = _with_slot(problem, cut, kind)
        except _CannotTryError:
            continue
        if getattr(cut, f"{kind}_slots") and more.cores(problem.machine) == has + 1:
            return f"one more core ({has + 1}; {more})", problem, more
    raise _CannotTryError(f"one core makes no slot of {cut}")


def _more_memory(run: PredictedRun, kind: str) -> tuple[str, Problem, Cut | None]:
    machine, what_if = run.problem.machine, run.known.what_if
    if kind == "gpu":
        gib = 2 * machine.gpus[0].memory_bytes / GIB
        more, name = replace(what_if, gpu_memory_gib=gib), "each GPU"
    else:
        gib = 2 * machine.memory_bytes / GIB
        more, name = replace(what_if, memory_gib=gib), "the host"
    problem = run.known.supposing(more)
    return f"twice the memory of {name} ({gib:.3g} GiB)", problem, None


def _half_the_batch(
    run: PredictedRun, report: Callable[[str], None]
) -> tuple[str, Problem, Cut | None]:
    known = run.known
    halved = half_batch(known.problem, known.store, report)
    if not halved.jobs:
        raise _CannotTryError(halved.why)
    count, total = len(halved.jobs), len(known.problem.jobs)
    of_jobs = "" if count == total else f", of {count} of {total} jobs"
    problem = replace(known, problem=halved.problem).supposing(known.what_if)
    return f"half the batch, twice the steps{of_jobs}", problem, None
