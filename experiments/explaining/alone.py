"""What a job asks of a machine by itself: seconds alone, core-seconds, seconds of a GPU's lanes."""

from __future__ import annotations

from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.scheduling.problem import ProfiledJob
from rmixer.scheduling.step_times import Member
from sim.demand.resident import ON_ONE_CORE, Residents, solo_unit_s
from sim.demand.segments import step_segments
from sim.job_level.phases import phases_of


def alone_s(each: ProfiledJob, kind: str, threads: int) -> float:
    """Seconds that the job takes alone on a device of this kind, from build to save, as the
    simulator has it."""
    cost = each.profile.step(kind, threads)
    return sum(amount * solo_unit_s(cost, phase) for phase, amount, _ in phases_of(each, cost))


def core_s(each: ProfiledJob, kind: str, threads: int, machine: Machine) -> float:
    """Seconds for which the job works on host cores, summed over its cores: in training only as
    long as a step works on the host, one core in phases that no more threads make shorter."""
    cost = each.profile.step(kind, threads)
    device = "gpu:0" if kind == "gpu" else "cpu:0"
    member = Member(each.key, "train", device, tuple(range(threads)))
    load = Residents({each.key: each.profile}, machine).resident(member).steady.load
    share = {phase: 1.0 for phase in ON_ONE_CORE} | {"train": threads * load}
    return sum(
        amount * solo_unit_s(cost, phase) * share.get(phase, threads)
        for phase, amount, _ in phases_of(each, cost)
    )


def lane_s(each: ProfiledJob, threads: int, lane: str) -> float | None:
    """Seconds for which all steps of the job keep the compute lane (``gpu``) or the ``link`` of a
    GPU busy; None if nothing tells it. Other phases are left out: no profile knows what of them a
    GPU does."""
    try:
        step = step_segments(each.profile, "gpu", threads)
    except InputError:  # durations, and profiles without operators
        return None
    busy_s = sum(segment.device_s for segment in step.segments if segment.lane == lane)
    return busy_s * each.job.steps
