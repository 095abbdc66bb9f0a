"""The walk of many replications of one mix at once: their state and the next event of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.operator_level.host_rates import Patterns
from sim.operator_level.instruction_tables import Flags, Floats, Whole
from sim.operator_level.walked_mix import WalkedMix


@dataclass(frozen=True)
class _Flat:
    """Flat views of the arrays of walkers."""

    loads: Floats
    weights: Floats
    left_s: Floats
    queued_s: Floats
    on: list[Floats]
    begun: Flags
    made: Whole


class Replications:
    """Walkers first, then the members ``steady`` of mean demand. Each replication has its own
    clock, ``now_s``, and walker ``i`` begins after ``delays_s[i, r]``.

    State of walkers is [walkers, replications]; ``made`` is the number of steps done. A walker
    works, waits (for its queue), or has not begun. Times left are infinite where nothing is done:
    host time while the host waits, and queue time while the queue is empty. An event changes few
    walkers, so it is booked by their places in the flat arrays.
    """

    def __init__(self, mix: WalkedMix) -> None:
        delays_s, walkers, loads = mix.delays_s, len(mix.walkers), mix.loads
        shape = delays_s.shape
        self._mix, self._walkers, self._steady = mix, walkers, len(loads)
        self._programs, self._host, self._gpus = mix.programs, mix.host, mix.gpus
        programs = mix.programs
        self._patterns = Patterns(self._host, walkers, loads) if mix.by_pattern else None
        row = np.repeat(np.arange(shape[0]), shape[1])
        self._first, self._first_piece = row * programs.width, row * programs.depth
        self._at = self._first.copy()
        self._head, self._tail = self._first_piece.copy(), self._first_piece.copy()
        self._begun = np.zeros(shape, dtype=bool)
        self._left_s = delays_s.copy()
        self._queued_s = np.full(shape, np.inf)
        self._on = np.zeros((len(programs.on), *shape))
        self._loads = np.array([0.0] * walkers + loads)[:, None].repeat(shape[1], axis=1)
        self._weights = np.ones(self._loads.shape)
        self._steady_made_s = np.zeros((2, self._steady, shape[1]))
        self._all_begun = False
        self.made = np.zeros(shape, dtype=np.int64)
        self.now_s = np.zeros(shape[1])
        self._flat = _Flat(
            self._loads.ravel(),
            self._weights.ravel(),
            self._left_s.ravel(),
            self._queued_s.ravel(),
            [on.ravel() for on in self._on],
            self._begun.ravel(),
            self.made.ravel(),
        )
        self._settle((self._left_s <= 0).ravel().nonzero()[0], row[:0])

    def advance(self) -> Whole:
        """Goes to the next event in each replication. Returns the walkers that ended a step, as
        places in the flat ``made``."""
        walkers = self._walkers
        rates = self._rates()
        speed = rates[:walkers]
        if not self._all_begun:
            speed = np.where(self._begun, speed, 1.0)
            self._all_begun = bool(self._begun.all())
        host_s = self._left_s / speed
        steady_slices: Floats | float = 1.0
        if self._gpus.idle:
            elapsed_s = np.minimum.reduce(host_s, axis=0)
        else:
            slices, steady_slices = self._gpus.speeds(self._on)
            device_s = self._queued_s / slices
            elapsed_s = np.minimum.reduce(np.minimum(host_s, device_s), axis=0)
        # Work that rounding alone keeps apart ends together.
        limit_s = elapsed_s + 1e-12 + 1e-15 * self.now_s
        self._left_s -= speed * elapsed_s
        over = self._first[:0]
        if not self._gpus.idle:
            self._queued_s -= slices * elapsed_s
            over = self._end_pieces((device_s <= limit_s).ravel().nonzero()[0])
        if self._steady:
            self._steady_made_s[0] += rates[walkers:] * elapsed_s
            self._steady_made_s[1] += steady_slices * elapsed_s
        self.now_s += elapsed_s
        return self._settle((host_s <= limit_s).ravel().nonzero()[0], over)

    def _rates(self) -> Floats:
        """The speed of each member's host work."""
        if self._patterns is not None:
            return self._patterns.speeds(self._loads)
        return self._host.speeds(self._loads, self._weights)

    def _end_pieces(self, which: Whole) -> Whole:
        """Ends the pieces at the heads of these queues. Returns the walkers whose wait is over."""
        head = self._head[which] + 1
        self._head[which] = head
        empty = head == self._tail[which]
        self._serve(which, head)
        emptied = which[empty]
        self._flat.queued_s[emptied] = np.inf
        for on in self._flat.on:
            on[emptied] = 0.0
        return np.asarray(emptied[self._flat.loads[emptied] == 0.0])

    def _serve(self, which: Whole, head: Whole) -> None:
        """Makes the piece at ``head`` the next in each of these queues."""
        self._flat.queued_s[which] = self._programs.amount[head]
        for on, table in zip(self._flat.on, self._programs.on, strict=True):
            on[which] = table[head]

    def _settle(self, done: Whole, over: Whole) -> Whole:
        """Books host work that is ``done``, waits that are ``over`` and all that follows at once.
        Returns the walkers that ended a step."""
        programs, flat = self._programs, self._flat
        ended = [done[:0]]
        while done.size or over.size:
            starting, stopped = [over], done[:0]
            if done.size and not self._all_begun:
                fresh = ~flat.begun[done]
                starting.append(done[fresh])
                flat.begun[done] = True
                done = done[~fresh]
            if done.size:
                at = self._at[done]
                self._at[done] = at + 1
                if not self._gpus.idle:
                    self._launch(done, programs.launches[at])
                stops = programs.stops[at]
                stopped = done[stops]
                starting.append(done[~stops])
                flat.loads[stopped], flat.left_s[stopped] = 0.0, np.inf
            if over.size:
                at_end = over[programs.at_end[self._at[over]]]
                flat.made[at_end] += 1
                self._at[at_end] = self._first[at_end]
                self._head[at_end] = self._tail[at_end] = self._first_piece[at_end]
                ended.append(at_end)
            begin = np.concatenate(starting)
            work_s = self._begin(begin)
            done = begin[work_s <= 0]
            over = stopped[self._head[stopped] == self._tail[stopped]]
        return np.concatenate(ended)

    def _begin(self, which: Whole) -> Floats:
        """Begins the next instruction; returns its work."""
        at = self._at[which]
        work_s = self._programs.work[at]
        self._flat.loads[which] = 1.0
        self._flat.left_s[which] = work_s
        if not self._programs.even:
            self._flat.weights[which] = self._programs.weight[at]
        return work_s

    def _launch(self, which: Whole, pieces: Whole) -> None:
        """Queue the next ``pieces`` of each."""
        some = pieces.nonzero()[0]
        which = which[some]
        head, tail = self._head[which], self._tail[which]
        self._tail[which] = tail + pieces[some]
        idle = head == tail
        self._serve(which[idle], head[idle])

    def snapshot(self, columns: Whole) -> tuple[Floats, Floats, Floats]:
        """The work done by each member, [members, ``columns``], the device work of mean demand, and
        the time, in some replications. Walkers count in steps, the present one by the share of its
        host work done; mean demand counts in seconds of its host work."""
        programs = self._programs
        at = self._at.reshape(self.made.shape)[:, columns]
        working = self._loads[: self._walkers, columns] > 0
        done_s = np.where(working, programs.work[at] - self._left_s[:, columns], 0.0)
        part = (programs.before[at] + done_s) / self._mix.host_s[:, None]
        made = self.made[:, columns] + np.minimum(1.0, part)
        on_host, on_device = self._steady_made_s[:, :, columns]
        return np.concatenate([made, on_host]), on_device, self.now_s[columns]
