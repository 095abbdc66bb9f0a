"""The demand of a job alone: seconds, core-seconds, and seconds of a GPU's lanes."""

from __future__ import annotations

from rmixer.errors import InputError
from rmixer.scheduling.problem import ProfiledJob
from sim.demand.resident import ON_ONE_CORE, solo_unit_s
from sim.demand.segments import StepSegments, step_segments
from sim.job_level.phases import phases_of


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
