"""Random machines, slots and jobs for testing a policy, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rmixer.hardware.machine import Machine
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.scheduling.device_books import GPU_WORKER_BYTES
from rmixer.scheduling.layout import Cut, Layout
from rmixer.scheduling.step_times import Mix
from rmixer.scheduling.view import MEMORY_MARGIN, MIB
from rmixer.testing.made_up import GIB, make_job, make_machine
from rmixer.workload.workload import Job

BESIDE, ELSEWHERE = 0.4, 0.1
"""Increase of the step time by one more job, on the same device and elsewhere."""
ROOM = 0.95
MOST_JOBS = 10


@dataclass(frozen=True)
class TrialPlace:
    """A machine with 0 to 3 GPUs, and a user's cut of it."""

    machine: Machine
    cut: Cut
    jobs: int

    def __str__(self) -> str:
        gpus, cores = len(self.machine.gpus), len(self.machine.cores)
        return f"{gpus} GPUs, {cores} cores, slots × threads: {self.cut}, {self.jobs} jobs"


@dataclass(frozen=True)
class TrialCosts:
    """The costs of the jobs of one cost identity, by kind of device."""

    identity: str
    costs: Mapping[str, DeviceCost]


@dataclass(frozen=True)
class Arriving:
    """A job with its costs. It lasts ``stretch`` times as long as alone, and may fail halfway; the
    policy knows neither."""

    job: Job
    known: TrialCosts
    stretch: float
    fails: bool

    def lasts_s(self, kind: str, threads: int) -> float:
        """Seconds for which it holds its slot."""
        alone_s = self.known.costs[kind].alone_s(self.job.steps, threads)
        return alone_s * self.stretch * (0.5 if self.fails else 1.0)


@dataclass(frozen=True)
class Trial:
    """One small run. ``used_bytes`` is the memory in use before it, by device; until ``settled_s``
    a GPU holds 2000 MiB more than is booked; another policy has started ``begun`` jobs."""

    place: TrialPlace
    layout: Layout
    jobs: tuple[Arriving, ...]
    used_bytes: Mapping[str, int]
    settled_s: float
    begun: int


class Crowded:
    """Step times that grow with each further job: :class:`rmixer.scheduling.step_times.StepTimes`
    for policies that ask for them."""

    def __init__(self, trial: Trial) -> None:
        self._costs = {each.known.identity: each.known.costs for each in trial.jobs}

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        """See :class:`rmixer.scheduling.step_times.StepTimes`."""
        times = []
        for member in mix.members:
            beside = sum(other.device == member.device for other in mix.members) - 1
            elsewhere = len(mix.members) - 1 - beside
            cost = self._costs[member.identity][member.device.partition(":")[0]]
            slower = 1.0 + BESIDE * beside + ELSEWHERE * elsewhere
            times.append(cost.step_s[member.threads] * slower)
        return tuple(times)


def draw_place(draw: random.Random) -> TrialPlace:
    """A machine that has enough cores for its cut."""
    gpus = draw.randint(0, 3)
    gpu_slots = draw.randint(0, 3) if gpus else 0
    cut = Cut(
        gpu_slots=gpu_slots,
        cpu_slots=draw.randint(0 if gpu_slots else 1, 3),
        gpu_threads=draw.randint(1, 2),
        cpu_threads=draw.randint(1, 2),
    )
    bare = make_machine(cores=1, gpus=gpus)
    cores = max(gpus, cut.cores(bare)) + draw.randint(0, 2)
    machine = make_machine(cores, gpus, memory_bytes=draw.randint(4, 24) * GIB)
    sized = tuple(replace(gpu, memory_bytes=draw.randint(8, 40) * GIB) for gpu in machine.gpus)
    return TrialPlace(replace(machine, gpus=sized), cut, draw.randint(1, MOST_JOBS))


def draw_trial(draw: random.Random, place: TrialPlace, layout: Layout) -> Trial:
    """Jobs that each fit a device of ``layout`` if they are alone there."""
    used_bytes = {entry.device: draw.randint(0, 500) * MIB for entry in layout.devices}
    room = _room_bytes(place.machine, layout, used_bytes)
    known = [_draw_costs(draw, f"model-{n}", room, place.machine) for n in range(4)]
    arrival_s = _arrivals(draw, place.jobs)
    jobs = []
    for number in range(place.jobs):
        costs = draw.choice(known)
        made = make_job(
            f"job-{number}",
            steps=draw.randint(1, 1000),
            arrival_s=arrival_s[number],
        )
        job = replace(made, model=costs.identity)
        jobs.append(Arriving(job, costs, draw.uniform(0.8, 2.0), draw.random() < 0.15))
    return Trial(
        place=place,
        layout=layout,
        jobs=tuple(sorted(jobs, key=lambda each: each.job.arrival_s)),
        used_bytes=used_bytes,
        settled_s=draw.choice([0.0, 0.0, draw.uniform(0.0, 5.0)]),
        begun=draw.choice([0, 0, 1, 2, 3]),
    )


def _arrivals(draw: random.Random, jobs: int) -> list[float]:
    """Arrival times: all at once, in two bursts, or one after the other."""
    kind = draw.choice(["at once", "bursts", "apart"])
    if kind == "bursts":
        later_s = draw.uniform(0.1, 10.0)
        return [draw.choice([0.0, later_s]) for _ in range(jobs)]
    return [0.0 if kind == "at once" else draw.uniform(0.0, 60.0) for _ in range(jobs)]


def _room_bytes(machine: Machine, layout: Layout, used: Mapping[str, int]) -> dict[str, float]:
    """By kind of device, the largest peak that fits one of ``layout`` with idle workers alone."""
    memory = {device.name: device.memory_bytes for device in machine.devices}
    room: dict[str, float] = {}
    for entry in layout.devices:
        idle = GPU_WORKER_BYTES * entry.slots if entry.kind == "gpu" else 0
        left = memory[entry.device] - max(idle, used[entry.device])
        room[entry.kind] = max(room.get(entry.kind, 0.0), ROOM * left / MEMORY_MARGIN)
    return room


def _draw_costs(
    draw: random.Random, identity: str, room: Mapping[str, float], machine: Machine
) -> TrialCosts:
    """The costs of a job on every kind of device that has slots, or on one of them alone."""
    kinds = sorted(room)
    if draw.random() < 0.4:
        kinds = [draw.choice(kinds)]
    threads = range(1, len(machine.cores) + 1)
    costs = {}
    for kind in kinds:
        step_s = 10 ** draw.uniform(-3.0, -1.0)
        costs[kind] = DeviceCost(
            peak_bytes=max(1, int(room[kind] * draw.random() ** 2)),
            utilisation=draw.random(),
            job_type=draw.choice(["compute", "memory", "low"]),
            step_s={count: step_s / count**0.7 for count in threads},
            before_s=dict.fromkeys(threads, draw.uniform(0.0, 3.0)),
            after_s=dict.fromkeys(threads, draw.uniform(0.0, 1.0)),
            warmup_steps=draw.randint(0, 10),
            bandwidth=draw.choice([None, draw.random()]),
            occupancy=draw.choice([None, draw.random()]),
        )
    return TrialCosts(identity, costs)
