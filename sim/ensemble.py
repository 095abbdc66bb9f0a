"""Many replications of one mix at once: its members walk for a few steps, and their speeds are
measured. What :mod:`sim.lanes` does with one SimPy process a member is done here with arrays over
replications, each on its own clock, in a twentieth of the time; a test holds both equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.contention import Background
from sim.host_rates import HostRates
from sim.program import LANES, Floats, Programs, Whole
from sim.resident import Resident
from sim.segments import two_clocks_s

MEASURED_STEPS = 2
FAST = 20.0


def walks(residents: Sequence[Resident]) -> list[bool]:
    """Which members walk their segments: those that train, but for those whose step is more than
    20 times shorter than the slowest's; they and all other phases are mean demand."""
    slowest_s = max((r.step.solo_s for r in residents if r.training), default=0.0)
    return [r.training and r.step.solo_s * FAST >= slowest_s for r in residents]


def replicate(residents: Sequence[Resident], background: Background, offsets: Floats) -> Floats:
    """The speed of each member, in units of its speed alone, over some steps of the slowest, as
    [members, replications].

    In replication r member i begins after ``offsets[i, r]`` of its own step. The slowest's first
    step is left out: by its end all have begun. At least one member must train.
    """
    walking = walks(residents)
    order = sorted(range(len(residents)), key=lambda index: not walking[index])
    ensemble = _Ensemble([residents[i] for i in order], sum(walking), background, offsets[order])
    speeds = np.empty_like(offsets)
    speeds[order] = ensemble.speeds()
    return speeds


class _Ensemble:
    """Walkers first, then members of mean demand. Arrays of walkers are flat [walkers x
    replications]; a walker works, waits (for its queue), or has not begun."""

    def __init__(
        self, residents: Sequence[Resident], walkers: int, background: Background, offsets: Floats
    ) -> None:
        self._walkers, self._steady = residents[:walkers], residents[walkers:]
        self._solo_s = np.array([[r.step.solo_s] for r in self._walkers])
        self._slowest = int(np.argmax(self._solo_s[:, 0]))
        self._programs = programs = Programs(self._walkers)
        self._host = HostRates([resident.steady for resident in residents], background)
        self._members, self._count = len(residents), offsets.shape[1]
        steady_loads = np.array([[r.steady.load] for r in self._steady]).reshape(-1, 1)
        self._steady_loads = np.broadcast_to(steady_loads, (len(self._steady), self._count))
        self._gpus = _gpus(self._walkers, self._steady)
        size = walkers * self._count
        row = np.repeat(np.arange(walkers), self._count)
        self._replication = np.tile(np.arange(self._count), walkers)
        self._instruction, self._piece = row * programs.width, row * programs.depth
        self._length = programs.length[row]
        self._begun = np.zeros(size, dtype=bool)
        self._working = np.zeros(size, dtype=bool)
        self._left = (offsets[:walkers] * self._solo_s).ravel()
        self._at = np.zeros(size, dtype=np.int64)
        self._head = np.zeros(size, dtype=np.int64)
        self._tail = np.zeros(size, dtype=np.int64)
        self._queued = np.zeros(size)
        self._made = np.zeros(size, dtype=np.int64)
        self._now = np.zeros(self._count)
        self._steady_made = np.zeros((2, len(self._steady), self._count))

    def speeds(self) -> Floats:
        """Walk until the slowest has made its steps in every replication. A walker's speed is by
        its own whole steps within that time; by what it has made where there is none."""
        size = (len(self._walkers), self._count)
        found = [np.full((self._members + 1, self._count), np.nan) for _ in (0, 1)]
        waiting = [np.ones(self._count, dtype=bool) for _ in (0, 1)]
        made, counted = np.zeros(size, dtype=np.int64), np.full(size, -1)
        first_s, last_s = np.zeros(size), np.zeros(size)
        while waiting[1].any():
            self._settle()
            now_made = self._made.reshape(size)
            self._mark(found[0], waiting[0], now_made[self._slowest] >= 1)
            ended = (now_made > made) & ~waiting[0] & waiting[1]
            if ended.any():
                now_s = np.broadcast_to(self._now, size)
                first_s = np.where(ended & (counted < 0), now_s, first_s)
                last_s = np.where(ended, now_s, last_s)
                counted = np.where(
                    ended, np.where(counted < 0, 0, counted + now_made - made), counted
                )
            made = now_made.copy()
            self._mark(found[1], waiting[1], now_made[self._slowest] >= 1 + MEASURED_STEPS)
            self._advance()
        start, end = found
        speeds = np.asarray((end[:-1] - start[:-1]) / (end[-1] - start[-1]))
        whole = counted > 0
        rate = np.where(whole, counted / np.where(whole, last_s - first_s, 1.0), speeds[: size[0]])
        speeds[: size[0]] = rate * self._solo_s
        return speeds

    def _mark(
        self, snapshot: Floats, waiting: NDArray[np.bool_], reached: NDArray[np.bool_]
    ) -> None:
        """Take ``snapshot`` where it is still ``waiting``, and its moment is ``reached``."""
        now = waiting & reached
        if now.any():
            snapshot[:, now] = self._snapshot()[:, now]
            waiting &= ~now

    def _settle(self) -> None:
        """Everything that happens at once: work that is done, waits that are over."""
        programs = self._programs
        while True:
            done = np.flatnonzero((self._left <= 0) & (self._working | ~self._begun))
            empty = (self._head == self._tail) & self._begun & ~self._working
            over = np.flatnonzero(empty)
            if not done.size and not over.size:
                return
            if done.size:
                starting = done[~self._begun[done]]
                self._begun[starting] = True
                done = done[self._working[done]]
                at = self._instruction[done] + self._at[done]
                self._launch(done, programs.launches[at])
                self._at[done] += 1
                waits = programs.waits[at] | (self._at[done] == self._length[done])
                self._working[done] = ~waits
                self._start(done[~waits])
                self._start(starting)
            if over.size:
                ended = over[self._at[over] == self._length[over]]
                self._made[ended] += 1
                self._at[ended] = self._head[ended] = self._tail[ended] = 0
                self._start(over)

    def _start(self, which: Whole) -> None:
        """Begin the instruction that is next."""
        self._working[which] = True
        self._left[which] = self._programs.work[self._instruction[which] + self._at[which]]

    def _launch(self, which: Whole, pieces: Whole) -> None:
        """Queue the next ``pieces`` of each."""
        idle = which[(pieces > 0) & (self._head[which] == self._tail[which])]
        self._tail[which] += pieces
        self._queued[idle] = self._programs.amount[self._piece[idle] + self._head[idle]]

    def _advance(self) -> None:
        """To the next thing that happens in each replication."""
        shape = (len(self._walkers), self._count)
        loads = np.concatenate([self._working.reshape(shape), self._steady_loads])
        weights = np.ones_like(loads)
        weights[: shape[0]] = self._programs.weight[self._instruction + self._at].reshape(shape)
        rates = self._host.speeds(loads, weights)
        busy = self._working | ~self._begun
        speed = np.where(self._working, rates[: shape[0]].ravel(), 1.0)
        host_s = np.where(busy, self._left / speed, np.inf)
        serving = self._head < self._tail
        lane = np.where(serving, self._programs.lane[self._piece + self._head], -1)
        slices, steady_slices = self._gpus.speeds(lane.reshape(shape))
        slices = slices.ravel()
        device_s = np.where(serving, self._queued / slices, np.inf)
        elapsed_s = np.minimum(host_s, device_s).reshape(shape).min(axis=0)
        # Work that rounding alone keeps apart ends together.
        limit_s = (elapsed_s + 1e-12 + 1e-15 * self._now)[self._replication]
        passed_s = elapsed_s[self._replication]
        self._left = np.where(host_s <= limit_s, 0.0, self._left - passed_s * speed * busy)
        self._queued -= passed_s * slices * serving
        self._end_pieces(np.flatnonzero(device_s <= limit_s))
        self._steady_made[0] += rates[shape[0] :] * elapsed_s
        self._steady_made[1] += steady_slices * elapsed_s
        self._now += elapsed_s

    def _end_pieces(self, which: Whole) -> None:
        self._head[which] += 1
        self._queued[which] = self._programs.amount[self._piece[which] + self._head[which]]

    def _snapshot(self) -> Floats:
        """What each member has made, and the time: [members + 1, replications]."""
        programs = self._programs
        at = self._instruction + self._at
        part_s = programs.before[at] + np.where(self._working, programs.work[at] - self._left, 0.0)
        host_s = np.array([[max(r.step.host_s, 1e-300)] for r in self._walkers])
        shape = (len(self._walkers), self._count)
        made = self._made.reshape(shape) + np.minimum(1.0, part_s.reshape(shape) / host_s)
        rows = [*made]
        for resident, host, device in zip(self._steady, *self._steady_made, strict=True):
            rows.append(_steady_made(resident, self._now, host, device))
        return np.array([*rows, self._now])


def _steady_made(resident: Resident, now: Floats, host: Floats, device: Floats) -> Floats:
    """Seconds of a mean demand's work alone made so far: host and GPU slow down each its part of
    the step, and the two clocks say what the step makes of it."""
    if not resident.training:
        return host
    step = resident.step
    slow = [
        two_clocks_s(step.segments, time_s / on_host, time_s / on_device)
        for time_s, on_host, on_device in zip(now, host, device, strict=True)
    ]
    return np.asarray(now * step.solo_s / np.array(slow))


class _Gpus:
    """Each GPU and its link: one server each, shared equally by the jobs that have work queued."""

    def __init__(self, devices: list[list[int]], own: Floats) -> None:
        self._devices, self._own = devices, own
        self._idle = not any(devices) and not own.any()

    def speeds(self, lane: Whole) -> tuple[Floats, Floats]:
        """The speed of each walker's queue, whose head is on ``lane`` [walkers, replications] or
        -1 where it is empty; and of each mean demand's work on its GPU."""
        speeds = np.ones(lane.shape)
        steady = np.ones((len(self._own), lane.shape[1]))
        if self._idle:
            return speeds, steady
        for rows, own in zip(self._devices, self._own.T, strict=True):
            here = lane[rows]
            on_gpu, on_link = ((here == number) for number in range(len(LANES)))
            total = on_gpu.sum(axis=0) + own.sum()
            shared = np.where(on_gpu, total, np.where(on_link, on_link.sum(axis=0), 1.0))
            speeds[rows] = 1.0 / shared
            served = own > 0
            steady[served] = 1.0 / (1.0 + total - own[served][:, None])
        return speeds, steady


def _gpus(walkers: Sequence[Resident], steady: Sequence[Resident]) -> _Gpus:
    everyone = [*walkers, *steady]
    names = sorted({r.member.device for r in everyone if any(s.device_s for s in r.step.segments)})
    rows = [[i for i, r in enumerate(walkers) if r.member.device == name] for name in names]
    own = [[r.gpu_load * (r.member.device == name) for name in names] for r in steady]
    return _Gpus(rows, np.array(own).reshape(len(steady), len(names)))
