"""One replication of a mix: its members walk for a few steps, and their speeds are measured."""

from __future__ import annotations

from collections.abc import Sequence

from simpy import Environment

from sim.contention import Background
from sim.lanes import Lanes, Walker
from sim.resident import Resident
from sim.segments import two_clocks_s

MEASURED_STEPS = 4
FAST = 20.0


def walks(residents: Sequence[Resident]) -> list[bool]:
    """Which members walk their segments: those that train, but for those whose step is more than
    20 times shorter than the slowest's; they and all other phases are mean demand."""
    slowest_s = max((r.step.solo_s for r in residents if r.training), default=0.0)
    return [r.training and r.step.solo_s * FAST >= slowest_s for r in residents]


def replicate(
    residents: Sequence[Resident], background: Background, offsets: Sequence[float]
) -> list[float]:
    """The speed of each member, in units of its speed alone, over some steps of the slowest.

    Member i begins after ``offsets[i]`` of its own step. The slowest's first step is left out: by
    its end all have begun. At least one member must train.
    """
    env = Environment()
    lanes = Lanes(env, background)
    walking = walks(residents)
    slowest = max(
        (index for index, walk in enumerate(walking) if walk),
        key=lambda index: residents[index].step.solo_s,
    )
    finished = env.event()
    snapshots: list[tuple[float, list[float]]] = []

    def on_step(made: int) -> None:
        if made == 1 or made == 1 + MEASURED_STEPS:
            snapshots.append((env.now, [meter.made() for meter in meters]))
        if made == 1 + MEASURED_STEPS:
            finished.succeed()

    meters: list[Walker | _Steady] = []
    for index, resident in enumerate(residents):
        if walking[index]:
            delay_s = offsets[index] * resident.step.solo_s
            tell = on_step if index == slowest else None
            meters.append(Walker(lanes, resident, delay_s=delay_s, on_step=tell))
        else:
            meters.append(_Steady(lanes, resident))
    env.run(until=finished)
    (start_s, before), (end_s, after) = snapshots
    speeds = []
    for resident, meter, first, last in zip(residents, meters, before, after, strict=True):
        speed = (last - first) / (end_s - start_s)
        speeds.append(speed * resident.step.solo_s if isinstance(meter, Walker) else speed)
    return speeds


class _Steady:
    """A member as mean demand: endless work on the host and, by its load, on its GPU."""

    def __init__(self, lanes: Lanes, resident: Resident) -> None:
        self._lanes, self._resident = lanes, resident
        self._host = lanes.host.start(resident.steady)
        self._gpu = None
        if resident.gpu_load > 0:
            self._server = lanes.device(resident.member.device, "gpu")
            self._gpu = self._server.start(resident.gpu_load)

    def made(self) -> float:
        """Seconds of its work alone that it has made so far: host and GPU slow down each its
        part of the step, and the two clocks say what the step makes of it."""
        self._lanes.host.settle()
        elapsed_s, host = self._lanes.env.now, self._host.made
        if not self._resident.training or elapsed_s <= 0 or host <= 0:
            return host
        device = elapsed_s
        if self._gpu is not None:
            self._server.settle()
            device = self._gpu.made
        step = self._resident.step
        step_s = two_clocks_s(step.segments, elapsed_s / host, elapsed_s / device)
        return elapsed_s * step.solo_s / step_s
