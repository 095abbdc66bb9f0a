"""The operator level by SimPy alone: what the compiled walks must agree with."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from math import inf
from random import Random

from simpy import Environment, Event

from sim.clock.fluid import Activity, FluidServer
from sim.demand.contention import Background, HostDemand, host_speeds, sliced_speeds
from sim.demand.resident import Resident


class Lanes:
    """The host's cores, and each GPU and its link, as fluid servers on one clock."""

    def __init__(self, env: Environment, background: Background | None = None) -> None:
        self.env = env
        self._background = background or Background()
        self._known: dict[tuple[HostDemand, ...], list[float]] = {}
        self._device: dict[tuple[str, str], FluidServer[float]] = {}
        self.host: FluidServer[HostDemand] = FluidServer(env, self._host_speeds)

    def device(self, name: str, lane: str) -> FluidServer[float]:
        """The server of one GPU (lane ``gpu``) or of its link (lane ``link``); its demands are
        loads."""
        if (name, lane) not in self._device:
            self._device[name, lane] = FluidServer(self.env, sliced_speeds)
        return self._device[name, lane]

    def _host_speeds(self, demands: Sequence[HostDemand]) -> Sequence[float]:
        key = tuple(demands)
        speeds = self._known.get(key)
        if speeds is None:
            speeds = self._known[key] = host_speeds(demands, self._background)
        return speeds


class DeviceQueue:
    """The device work that one job has launched; it runs in order."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._waiting: deque[tuple[FluidServer[float], float]] = deque()
        self._busy = False
        self._empty: Event | None = None

    def launch(self, server: FluidServer[float], work_s: float) -> None:
        """Queue ``work_s`` seconds of work for ``server``."""
        if work_s > 0:
            self._waiting.append((server, work_s))
            if not self._busy:
                self._next()

    @property
    def empty(self) -> Event | None:
        """An event that fires when everything launched so far is done; None if it already is."""
        if self._busy and self._empty is None:
            self._empty = self._env.event()
        return self._empty

    def _next(self, _: Event | None = None) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            server, work_s = self._waiting.popleft()
            callbacks = server.start(1.0, work_s).done.callbacks
            assert callbacks is not None
            callbacks.append(self._next)
        elif self._empty is not None:
            self._empty.succeed()
            self._empty = None


class Walker:
    """A SimPy process that does ``steps`` training steps by walking a resident's segments.

    It starts after ``delay_s``. ``done`` fires after its last step, and ``on_step`` is called after
    each with the number of steps done. With ``draw`` every step without device work starts at a
    segment that is drawn and goes round: real steps vary, so equal jobs that start together meet
    each other in every phase, where equal walks would stay in step for ever.
    """

    def __init__(
        self,
        lanes: Lanes,
        resident: Resident,
        steps: float = inf,
        delay_s: float = 0.0,
        on_step: Callable[[int], None] | None = None,
        draw: Random | None = None,
    ) -> None:
        self._lanes, self._resident, self._steps = lanes, resident, steps
        self._on_step = on_step
        self._draw = None if resident.step.gpu_s > 0 else draw
        self._made = 0
        self._host_made_s = 0.0
        self._host_s = resident.step.host_s
        self._activity: Activity[HostDemand] | None = None
        self.done: Event = lanes.env.process(self._walk(delay_s))

    def made(self) -> float:
        """Steps done so far. The present one counts by the share of its host work done."""
        if self._host_s <= 0 or self._made >= self._steps:
            return float(self._made)
        part_s = self._host_made_s
        if self._activity is not None:
            self._lanes.host.settle()
            part_s += self._activity.made
        return self._made + min(1.0, part_s / self._host_s)

    def _walk(self, delay_s: float) -> Generator[Event, None, None]:
        env = self._lanes.env
        if delay_s > 0:
            yield env.timeout(delay_s)
        queue = DeviceQueue(env)
        step = list(zip(self._resident.step.segments, self._resident.segment_demands, strict=True))
        name = self._resident.member.device
        while self._made < self._steps:
            first = self._draw.randrange(len(step)) if self._draw is not None else 0
            for segment, demand in step[first:] + step[:first]:
                if segment.lane == "cpu":
                    yield self._work(demand, segment.host_s)
                    continue
                server = self._lanes.device(name, segment.lane)
                yield self._work(demand, segment.lead_s)
                queue.launch(server, segment.device_s - segment.tail_s)
                if segment.launch_s > segment.lead_s:
                    yield self._work(demand, segment.launch_s - segment.lead_s)
                queue.launch(server, segment.tail_s)
                yield self._work(demand, segment.host_s - segment.launch_s)
                if segment.waits and (empty := queue.empty) is not None:
                    self._pause()
                    yield empty
            self._pause()
            if (empty := queue.empty) is not None:
                yield empty
            self._made += 1
            self._host_made_s = 0.0
            if self._on_step is not None:
                self._on_step(self._made)

    def _work(self, demand: HostDemand, work_s: float) -> Event:
        self._pause()
        self._activity = self._lanes.host.start(demand, work_s)
        return self._activity.done

    def _pause(self) -> None:
        """Books the present host work, which is done."""
        if self._activity is not None:
            self._host_made_s += self._activity.work
            self._activity = None
