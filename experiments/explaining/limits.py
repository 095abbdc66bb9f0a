"""The limits of a predicted schedule: the least time that each resource needs, and its tail."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.explaining.resource_use import ResourceUse
from rmixer.errors import InputError
from rmixer.run_record.run_summary import JobSummary, RunSummary
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem, ProfiledJob
from sim.demand.resident import ON_ONE_CORE, device_kind, solo_unit_s
from sim.demand.segments import StepSegments, step_segments
from sim.job_level.phases import phases_of

LONGEST_JOB, PLACED_JOB, HOST_CORES = "longest job", "placed job", "host cores"
_LANES = {"gpu": "compute lane", "link": "link"}


@dataclass(frozen=True)
class Need:
    """A ``resource`` alone needs at least ``least_s`` seconds for the jobs on each device: a
    ``share`` of the makespan. ``kind`` is ``longest job``, ``placed job``, ``gpu``, ``link``,
    ``slots`` or ``host cores``; ``resource`` names it."""

    kind: str
    resource: str
    least_s: float
    share: float


@dataclass(frozen=True)
class LastJob:
    """The job that ends last. Its time from the first dispatch is ``arrives_s`` until it arrived,
    ``waits_s`` in the queue, ``alone_s``, its time alone in its slot, and ``company_s``, the cost
    of co-running jobs."""

    job: str
    arrives_s: float
    waits_s: float
    alone_s: float
    company_s: float


@dataclass(frozen=True)
class Tail:
    """The time from ``from_s`` to the end, ``length_s``, in which no job waits. In the mean
    ``idle_slots`` of all ``slots`` are empty then."""

    from_s: float
    length_s: float
    idle_slots: float
    slots: int


@dataclass(frozen=True)
class Full:
    """The largest sum of the peaks of jobs on ``device`` at one time, and its memory."""

    device: str
    peak_bytes: int
    memory_bytes: int


@dataclass(frozen=True)
class Limits:
    """``needs`` from the largest to the smallest: the first limits the schedule. Jobs hold
    ``held_cores`` of the ``cores`` in the mean, and ``held_slots`` of the slots."""

    makespan_s: float
    needs: tuple[Need, ...]
    last: LastJob
    tail: Tail
    held_cores: float
    cores: int
    held_slots: float
    memory: tuple[Full, ...]


def limits_of(problem: Problem, layout: Layout, summary: RunSummary, use: ResourceUse) -> Limits:
    """The limits of the predicted run ``summary``, whose use of the machine is ``use``.

    No schedule with the same jobs on the same devices ends before any of these: the longest job
    alone where it is fastest, from its arrival on; the longest job alone where it is placed; the
    demand of a GPU's jobs on its compute lane or its link; the jobs of a device one after another
    alone, over its slots; the core-seconds of all jobs alone, over the cores. Slots that share
    cores in turn limit nothing, and a table of durations has no cores.
    """
    makespan_s, work = summary.makespan_s, Work()
    found = _jobs(problem, layout, summary)
    on_device: dict[str, list[JobSummary]] = {}
    for job in summary.jobs:
        on_device.setdefault(job.device, []).append(job)
    slots = {entry.device: entry.slots for entry in layout.devices}
    for device, jobs in sorted(on_device.items()):
        if device_kind(device) == "gpu":
            for lane in ("gpu", "link"):
                known = [work.lane_s(problem.by_id[job.id], job.threads, lane) for job in jobs]
                if None not in known:
                    found.append(
                        (lane, f"{_LANES[lane]} of {device}", sum(each or 0.0 for each in known))
                    )
        if not layout.in_turn:
            in_turn_s = sum(_alone_s(problem, job) for job in jobs)
            found.append(("slots", f"slots of {device}", in_turn_s / slots[device]))
    cores = len(problem.machine.cores)
    if all(each.profile.origin != "table" for each in problem.jobs):
        host_s = sum(
            work.core_s(problem.by_id[job.id], device_kind(job.device), job.threads)
            for job in summary.jobs
        )
        found.insert(0, (HOST_CORES, HOST_CORES, host_s / cores))
    needs = [
        Need(kind, name, least_s, least_s / makespan_s if makespan_s > 0 else 0.0)
        for kind, name, least_s in found
    ]
    memory_bytes = {device.name: device.memory_bytes for device in problem.machine.devices}
    run_s = sum(job.end_s - job.start_s for job in summary.jobs)
    return Limits(
        makespan_s=makespan_s,
        needs=tuple(sorted(needs, key=lambda need: -round(need.least_s, 6))),
        last=_last(problem, summary),
        tail=_tail(layout, summary),
        held_cores=use.mean(use.cores),
        cores=cores,
        held_slots=run_s / makespan_s if makespan_s > 0 else 0.0,
        memory=tuple(
            Full(device.name, device.peak_bytes, memory_bytes[device.name])
            for device in summary.devices
        ),
    )


def _jobs(problem: Problem, layout: Layout, summary: RunSummary) -> list[tuple[str, str, float]]:
    """The two jobs that take longest: at their fastest place, and where they are placed."""
    fastest: list[tuple[float, str, str]] = []
    placed: list[tuple[float, str, str]] = []
    for job in summary.jobs:
        each = problem.by_id[job.id]
        known = {kind: set(cost.step_s) for kind, cost in each.costs.items()}
        places = {(device_kind(job.device), job.threads): job.device}
        for entry in layout.devices:
            if entry.threads in known.get(entry.kind, ()):
                places.setdefault((entry.kind, entry.threads), entry.device)
        arrives_s = max(0.0, job.arrival_s or 0.0)
        alone = {device: arrives_s + alone_s(each, *place) for place, device in places.items()}
        best = min(alone, key=lambda device: alone[device])
        fastest.append((alone[best], job.id, best))
        placed.append((alone[job.device], job.id, job.device))
    needs: list[tuple[str, str, float]] = []
    for kind, jobs in ((LONGEST_JOB, fastest), (PLACED_JOB, placed)):
        least_s, job_id, device = max(jobs, key=lambda each: each[0])
        where = f"{job_id} alone on {device}"
        name = f"longest job, {where}" if kind == LONGEST_JOB else f"{where}, where it is placed"
        if kind == LONGEST_JOB or least_s > needs[0][2]:
            needs.append((kind, name, least_s))
    return needs


def _alone_s(problem: Problem, job: JobSummary) -> float:
    return alone_s(problem.by_id[job.id], device_kind(job.device), job.threads)


def _last(problem: Problem, summary: RunSummary) -> LastJob:
    job = max(summary.jobs, key=lambda job: job.end_s)
    alone = _alone_s(problem, job)
    arrives_s = max(0.0, job.arrival_s or 0.0)
    waits_s = job.start_s - arrives_s
    return LastJob(job.id, arrives_s, waits_s, alone, job.end_s - job.start_s - alone)


def _tail(layout: Layout, summary: RunSummary) -> Tail:
    from_s = max(job.start_s for job in summary.jobs)
    length_s = summary.makespan_s - from_s
    slots = sum(entry.slots for entry in layout.devices)
    held_s = sum(job.end_s - from_s for job in summary.jobs if job.end_s > from_s)
    idle = slots - held_s / length_s if length_s > 0 else 0.0
    return Tail(from_s, length_s, max(0.0, idle), slots)


def alone_s(each: ProfiledJob, kind: str, threads: int) -> float:
    """Seconds of the job alone on a device of this kind, from build to save, as simulated."""
    cost = each.profile.step(kind, threads)
    return sum(amount * solo_unit_s(cost, phase) for phase, amount, _ in phases_of(each, cost))


class Work:
    """Computes how jobs load cores and GPUs. The segments of each step are made once."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str, int], StepSegments | None] = {}

    def core_s(self, each: ProfiledJob, kind: str, threads: int) -> float:
        """Seconds of the job's work on host cores, summed over its cores. In training only a step's
        host time counts, if it is known; phases that more threads do not make shorter use one core.
        """
        cost = each.profile.step(kind, threads)
        step = self._step(each, kind, threads)
        load = min(1.0, step.host_s / step.solo_s) if step else 1.0
        share = {**dict.fromkeys(ON_ONE_CORE, 1.0), "train": threads * load}
        return sum(
            amount * solo_unit_s(cost, phase) * share.get(phase, threads)
            for phase, amount, _ in phases_of(each, cost)
        )

    def lane_s(self, each: ProfiledJob, threads: int, lane: str) -> float | None:
        """Seconds for which all steps of the job keep the compute lane (``gpu``) or the ``link`` of
        a GPU busy; None if unknown. Other phases are left out, because profiles do not have their
        GPU time."""
        step = self._step(each, "gpu", threads)
        if step is None:
            return None
        return each.job.steps * sum(s.device_s for s in step.segments if s.lane == lane)

    def _step(self, each: ProfiledJob, kind: str, threads: int) -> StepSegments | None:
        key = (each.key, kind, threads)
        if key not in self._steps:
            try:
                known = each.profile.origin != "table"
                self._steps[key] = step_segments(each.profile, kind, threads) if known else None
            except InputError:  # of a GPU's step nobody knows the operators
                self._steps[key] = None
        return self._steps[key]
