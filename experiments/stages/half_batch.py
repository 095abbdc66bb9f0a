"""A workload at half the batch and twice the steps, as far as profiles are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from experiments.stages.inputs import told_by_others
from profiles.stored.store import Store
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.workload.rebatching import has_batch, with_batch
from rmixer.workload.workload import Job


@dataclass(frozen=True)
class HalfBatch:
    """``problem`` with half the batch in those of its ``jobs``, by id; the others are unchanged.
    ``why`` says what is missing if there are none."""

    problem: Problem
    jobs: tuple[str, ...]
    why: str = ""


def half_batch(problem: Problem, store: Store, report: Callable[[str], None]) -> HalfBatch:
    """Half the batch in every job of ``problem`` whose profile at that batch is stored, or is
    predicted from other sizes, which ``report`` mentions. Each such job sees as many samples as
    before, to within one batch."""
    known: dict[str, ModelProfile | None] = {}
    jobs, halved = list(problem.jobs), []
    asked = ""
    for place, each in enumerate(problem.jobs):
        if (job := halved_job(each.job)) is None:
            continue
        key = job.identity.key
        if key not in known:
            known[key] = _profile(store, problem.machine, job, report)
        asked = asked or f"{each.job.label} at batch {job.batch}"
        if (profile := known[key]) is not None:
            jobs[place] = ProfiledJob(job, key, profile)
            halved.append(job.id)
    changed = replace(problem.workload, jobs=tuple(each.job for each in jobs))
    why = "no job has a batch that could be halved"
    if asked:
        why = f"no profile, and not two at other batches: for {asked}, for example"
    found = Problem(changed, problem.machine, tuple(jobs), problem.noise)
    return HalfBatch(found, tuple(halved), why)


def halved_job(job: Job) -> Job | None:
    """Returns ``job`` with half its batch, rounded down, on as many samples; None for a program,
    for durations and for a batch of 1."""
    return with_batch(job, job.batch // 2) if job.batch > 1 and has_batch(job) else None


def _profile(
    store: Store, machine: Machine, job: Job, report: Callable[[str], None]
) -> ModelProfile | None:
    """The profile of ``job`` on ``machine``, stored or predicted from other batches."""
    found, _ = store.load([job], machine)
    if found:
        return found[job.identity.key]
    here = store.known_machine()
    is_this_one = here is not None and here.name == machine.name
    return told_by_others(store, machine, job.identity, report, is_this_one)
