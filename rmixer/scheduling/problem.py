"""A scheduling problem: jobs with their profiles, on a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.pauses import pauses_of
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class ProfiledJob:
    """A job and the profile of its training step. ``key`` is that of the job's cost identity; a
    profile of older code may have another one."""

    job: Job
    key: str
    profile: ModelProfile

    @cached_property
    def costs(self) -> Mapping[str, DeviceCost]:
        """The costs that policies see, by kind of device, with the job's evaluations and saves."""
        return {kind: self._of_job(cost, kind) for kind, cost in self.profile.costs().items()}

    def _of_job(self, cost: DeviceCost, kind: str) -> DeviceCost:
        if self.job.evaluate is None and self.job.save_every_s is None:
            return cost
        trained = max(1, self.job.steps - cost.warmup_steps)
        after_s, between_s = {}, {}
        for threads in cost.step_s:
            step = self.profile.step(kind, threads)
            pauses = pauses_of(self.job, self.profile, step)
            after_s[threads] = pauses.evaluation * step.evaluate_s + step.save_s
            between_s[threads] = pauses.seconds(step) / trained
        return replace(cost, after_s=after_s, between_s=between_s)


@dataclass(frozen=True)
class Problem:
    """A workload on a machine: its jobs in order of submission, each with its profile. ``noise`` is
    how far two executions of one schedule differ on this machine, as a fraction; 0 if no run
    measured it. ``others`` are the same jobs at other batches, where a search may choose them."""

    workload: Workload
    machine: Machine
    jobs: tuple[ProfiledJob, ...]
    noise: float = 0.0
    others: tuple[ProfiledJob, ...] = ()

    @cached_property
    def profiles(self) -> Mapping[str, ModelProfile]:
        """The profiles by the key of the jobs' cost identities."""
        return {each.key: each.profile for each in (*self.jobs, *self.others)}

    @cached_property
    def by_id(self) -> Mapping[str, ProfiledJob]:
        """The jobs by their ids."""
        return {each.job.id: each for each in self.jobs}

    @cached_property
    def wide(self) -> Problem:
        """Has every size of a job as a separate job with the same id, the workload's sizes first. A
        schedule has one job of each id."""
        return replace(self, jobs=(*self.jobs, *self.others), others=())

    def at(self, batches: Mapping[str, int]) -> Problem:
        """Returns the problem with jobs at other ``batches``, by id. Raises :class:`InputError` for
        one that is not among ``others``."""
        if not batches:
            return self
        known = {(each.job.id, each.job.batch): each for each in self.wide.jobs}
        asked = [(each.job.id, batches.get(each.job.id, each.job.batch)) for each in self.jobs]
        for name, batch in asked:
            if (name, batch) not in known:
                sizes = ", ".join(str(size) for other, size in sorted(known) if other == name)
                allowed = f"a profiled size of its model: {sizes}"
                raise InputError("schedule", f"batch of {name}", batch, allowed)
        jobs = tuple(known[each] for each in asked)
        workload = replace(self.workload, jobs=tuple(each.job for each in jobs))
        return replace(self, workload=workload, jobs=jobs, others=())


def problem_of(
    workload: Workload, machine: Machine, profiles: Mapping[str, ModelProfile]
) -> Problem:
    """``workload`` on ``machine`` with ``profiles`` by cost identity key. Raises
    :class:`InputError` for a job without a profile."""
    jobs = []
    for job in workload.jobs:
        key = job.identity.key
        if key not in profiles:
            where = f"workload {workload.name}"
            raise InputError(where, job.id, f"no profile {key}", "a profiled job: profile it first")
        jobs.append(ProfiledJob(job, key, profiles[key]))
    return Problem(workload, machine, tuple(jobs))
