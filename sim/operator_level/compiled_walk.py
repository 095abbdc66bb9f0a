"""The walk of :mod:`sim.operator_level.replications`, compiled: one replication after the other, in
plain numbers. The same operations in the same order: both give the same bits.

What is done for every walker at every event is done for eight at once: their times and speeds lie
in blocks of eight, in one array, which the compiler turns into vector instructions. Speeds are
worked out again only where what decides them has changed.

It is one long function on purpose: numba counts references to every array that is taken out of a
tuple or handed to a function, which costs more here than the work itself. All that is compiled
stands in this file, and takes plain tuples: what numba keeps on disk is renewed when this file
changes, and only then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.operator_level.compiled import compiled
from sim.operator_level.instruction_tables import Floats

COLUMNS = 64


@compiled
def _host_speeds(host: Any, loads: Floats, weights: Floats, speeds: Floats) -> None:
    """As :meth:`sim.operator_level.host_rates.HostRates.speeds`, of one replication."""
    on, own, outside, pressures, pressing, filled = host[:6]
    compute_at, compute_rise, stream_at, stream_rise, last = host[6:11]
    apart, busy_cores, streams, most_streams = host[11:]
    members, cores = on.shape
    held = pressed = 0.0
    for i in range(members):
        pressing[i] = pressures[i] * weights[i] * loads[i]
        held += loads[i] * own[i]
        pressed += pressing[i]
    if not apart:
        for c in range(cores):
            filled[c] = 0.0
            for i in range(members):
                filled[c] += on[i, c] * loads[i]
        for i in range(members):
            most = -np.inf
            for c in range(cores):
                most = max(most, (filled[c] - on[i, c] * loads[i]) * on[i, c])
            speeds[i] = 1.0 / (1.0 + most)
            pressing[i] *= speeds[i]
        for c in range(cores):
            filled[c] = min(1.0, filled[c])
    for i in range(members):
        if apart:
            share = 1.0
            busy, pressure = held - loads[i] * own[i], pressed - pressing[i]
        else:
            share, busy, pressure = speeds[i], 0.0, 0.0
            for c in range(cores):
                busy += (1.0 - on[i, c]) * filled[c]
            for j in range(members):
                pressure += outside[j, i] * pressing[j]
        busy = max(busy + busy_cores, 0.0)
        pressure += streams
        bounded = min(busy, last)
        below = int(bounded)
        beyond = bounded - below
        compute = compute_at[i, below] + beyond * compute_rise[i, below]
        stream = stream_at[i, below] + beyond * stream_rise[i, below]
        pressure = min(max(pressure / max(busy, 1e-9), 0.0), most_streams)
        speeds[i] = share / max(1.0, compute + pressure * (stream - compute) * weights[i])


@compiled
def walk(
    steps: Any, host: Any, gpus: Any, loads: Floats, delays_s: Floats, patterns: Floats
) -> Any:
    """Walk every replication until the slowest walker has made its measured steps.

    ``steps``, ``host`` and ``gpus`` are the fields of :class:`Steps`, :class:`Host` and
    :class:`Gpus` of :mod:`sim.operator_level.walk_arrays`, the answer those of its :class:`Marks`.
    ``loads`` are those of the members of mean demand, ``delays_s`` [walkers, replications] when
    each walker begins. ``patterns`` [patterns, members] remembers speeds by who works, NaN where
    they are not known yet; it is empty if they depend on more.
    """
    walkers, count = delays_s.shape
    members = host[0].shape[0]
    steady = members - walkers
    made_at, device_at = np.zeros((2, members, count)), np.zeros((2, steady, count))
    at_s, whole = np.zeros((2, count)), np.full((walkers, count), -1)
    first_s, last_s = np.zeros((walkers, count)), np.zeros((walkers, count))
    work, before, weight, launches, stops, at_end, on, amount, host_s, slowest, measured = steps
    gpu_of, steady_load, steady_sum = gpus
    by_pattern, device = patterns.shape[0] > 0, steady_sum.shape[0]
    # What happens in all columns in each round is flat, a row of columns a member.
    columns = min(COLUMNS, count)
    size = walkers * columns
    left_s, queued_s, next_s = np.full(size, np.inf), np.full(size, np.inf), np.empty(size)
    host_left_s, device_left_s = np.full(size, np.inf), np.full(size, np.inf)
    speeds, slices = np.ones(members * columns), np.ones(size)
    on_gpu = np.ones(size, np.int64)
    on_host, on_device = np.zeros(steady * columns), np.zeros(steady * columns)
    steady_slices = np.ones(steady * columns)
    elapsed_s, limit_s, now_s = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    soonest, hits = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    # The rest is looked at in one column at a time.
    at, head = np.zeros((columns, walkers), np.int64), np.zeros((columns, walkers), np.int64)
    tail, made = np.zeros((columns, walkers), np.int64), np.zeros((columns, walkers), np.int64)
    begun, ended = np.zeros((columns, walkers), np.bool_), np.zeros(walkers, np.bool_)
    load, heavy = np.ones((columns, members)), np.ones((columns, members))
    load[:, walkers:] = loads
    lane_of = np.full((columns, walkers), 2)  # of the head of each queue; 2 where it is empty
    heads = np.zeros((columns, max(1, device), 3), np.int64)  # on each lane
    rates, slice_of = np.ones(device * 2 * columns), np.ones((device, 2, walkers + 1))
    for g in range(device):
        for n in range(walkers + 1):
            slice_of[g, 0, n] = 1.0 / max(n + steady_sum[g], 1.0)
            slice_of[g, 1, n] = 1.0 / max(n, 1)
    replication, waiting = np.full(columns, -1), np.zeros(columns, np.int64)
    measuring, speed = np.zeros(columns, np.bool_), np.ones(members)
    following = walked = 0
    loading = True
    while walked < count:
        if loading:  # a column that has none takes the next replication
            for c in range(columns):
                if replication[c] == -1:
                    replication[c] = following if following < count else -2
                    following += 1
                    for w in range(walkers):
                        i = w * columns + c
                        left_s[i] = delays_s[w, replication[c]] if replication[c] >= 0 else np.inf
                        queued_s[i], speeds[i], slices[i] = np.inf, 1.0, 1.0
                        at[c, w] = head[c, w] = tail[c, w] = made[c, w] = 0
                        begun[c, w] = False
                        load[c, w], heavy[c, w], lane_of[c, w] = 0.0, 1.0, 2
                    for g in range(max(1, device)):
                        heads[c, g, 0] = heads[c, g, 1] = heads[c, g, 2] = 0
                    for s in range(steady):
                        on_host[s * columns + c] = on_device[s * columns + c] = 0.0
                    now_s[c], waiting[c], measuring[c] = -1.0, walkers, False
        # Each column goes on to the next thing that happens in it.
        for i in range(size):
            host_left_s[i] = left_s[i] / speeds[i]
        for w in range(walkers if device else 0):
            row, gpu, link = w * columns, gpu_of[w] * 2 * columns, (gpu_of[w] * 2 + 1) * columns
            if gpu >= 0:
                for c in range(columns):
                    slices[row + c] = rates[gpu + c] if on_gpu[row + c] else rates[link + c]
                for c in range(columns):
                    device_left_s[row + c] = queued_s[row + c] / slices[row + c]
        for i in range(size):
            here_s, there_s = host_left_s[i], device_left_s[i]
            next_s[i] = here_s if here_s < there_s else there_s
        for c in range(columns):
            elapsed_s[c] = np.inf
        for w in range(walkers):
            row = w * columns
            for c in range(columns):
                sooner = next_s[row + c] < elapsed_s[c]
                elapsed_s[c] = next_s[row + c] if sooner else elapsed_s[c]
                soonest[c] = w if sooner else soonest[c]
        for c in range(columns):
            # Work that rounding alone keeps apart ends together.
            limit_s[c] = elapsed_s[c] + 1e-12 + 1e-15 * now_s[c]
            hits[c] = 0
        if loading:  # who begins at once comes first
            loading = False
            for c in range(columns):
                if now_s[c] < 0.0:
                    now_s[c] = elapsed_s[c] = limit_s[c] = 0.0
        for w in range(walkers):
            row = w * columns
            for c in range(columns):
                left_s[row + c] -= speeds[row + c] * elapsed_s[c]
            for c in range(columns):
                hits[c] += 1 if next_s[row + c] <= limit_s[c] else 0
            if device:
                for c in range(columns):
                    queued_s[row + c] -= slices[row + c] * elapsed_s[c]
        for s in range(steady):
            row, there = s * columns, (walkers + s) * columns
            for c in range(columns):
                on_host[row + c] += speeds[there + c] * elapsed_s[c]
                on_device[row + c] += steady_slices[row + c] * elapsed_s[c]
        for c in range(columns):
            now_s[c] += elapsed_s[c]
        for c in range(columns):
            r = replication[c]
            if r < 0:
                continue
            other_host = other_heads = waiting[c] == walkers
            any_ended = False
            begin, end = soonest[c], soonest[c] + 1
            if hits[c] != 1:
                begin, end = 0, walkers
            for w in range(begin, end):
                i = w * columns + c
                if next_s[i] > limit_s[c]:
                    continue
                done, over = host_left_s[i] <= limit_s[c], False
                if device_left_s[i] <= limit_s[c]:  # the head of its queue is done
                    head[c, w] += 1
                    lane = 2
                    if head[c, w] < tail[c, w]:
                        queued_s[i] = amount[w, head[c, w]]
                        lane = 0 if on[0, w, head[c, w]] > 0 else 1
                    else:
                        queued_s[i] = np.inf
                        over = load[c, w] == 0.0
                    if lane != lane_of[c, w]:
                        heads[c, gpu_of[w], lane_of[c, w]] -= 1
                        heads[c, gpu_of[w], lane] += 1
                        lane_of[c, w] = lane
                        on_gpu[i] = lane != 1
                        other_heads = True
                while done or over:  # and what follows from it in no time
                    begins, stopped = over, False
                    if done and not begun[c, w]:
                        begun[c, w] = begins = other_host = True
                        waiting[c] -= 1
                    elif done:
                        here = at[c, w]
                        at[c, w] = here + 1
                        if launches[w, here] > 0:
                            if head[c, w] == tail[c, w]:
                                queued_s[i] = amount[w, head[c, w]]
                                lane_of[c, w] = 0 if on[0, w, head[c, w]] > 0 else 1
                                on_gpu[i] = lane_of[c, w] == 0
                                heads[c, gpu_of[w], lane_of[c, w]] += 1
                                other_heads = True
                            tail[c, w] += launches[w, here]
                        if stops[w, here]:
                            stopped = other_host = True
                            load[c, w], left_s[i] = 0.0, np.inf
                        else:
                            begins = True
                    if over and at_end[w, at[c, w]]:
                        made[c, w] += 1
                        at[c, w] = head[c, w] = tail[c, w] = 0
                        ended[w] = any_ended = True
                    done = False
                    if begins:
                        here = at[c, w]
                        if load[c, w] == 0.0 or heavy[c, w] != weight[w, here]:
                            other_host = True
                        load[c, w], heavy[c, w] = 1.0, weight[w, here]
                        left_s[i] = work[w, here]
                        done = left_s[i] <= 0
                    over = stopped and head[c, w] == tail[c, w]
            if any_ended:
                mark = -1
                if ended[slowest]:
                    steps_made = made[c, slowest]
                    mark = 0 if steps_made == 1 else 1 if steps_made == 1 + measured else -1
                    measuring[c] = True
                for w in range(walkers):
                    if ended[w]:
                        ended[w] = False
                        if measuring[c]:
                            if whole[w, r] < 0:
                                first_s[w, r] = now_s[c]
                            last_s[w, r] = now_s[c]
                            whole[w, r] += 1
                if mark >= 0:
                    at_s[mark, r] = now_s[c]
                    for w in range(walkers):
                        here = at[c, w]
                        done_s = work[w, here] - left_s[w * columns + c] if load[c, w] > 0 else 0.0
                        part = (before[w, here] + done_s) / host_s[w]
                        made_at[mark, w, r] = made[c, w] + min(1.0, part)
                    for s in range(steady):
                        made_at[mark, walkers + s, r] = on_host[s * columns + c]
                        device_at[mark, s, r] = on_device[s * columns + c]
                    if mark == 1:
                        walked += 1
                        replication[c], loading = -1, True
                        continue
            if other_host:
                if by_pattern:
                    pattern = 0
                    for w in range(walkers):
                        if load[c, w] > 0:
                            pattern |= 1 << w
                    if np.isnan(patterns[pattern, 0]):
                        _host_speeds(host, load[c], heavy[c], speed)
                        for m in range(members):
                            patterns[pattern, m] = speed[m]
                    for m in range(members):
                        speeds[m * columns + c] = patterns[pattern, m]
                else:
                    _host_speeds(host, load[c], heavy[c], speed)
                    for m in range(members):
                        speeds[m * columns + c] = speed[m]
                if waiting[c]:
                    for w in range(walkers):
                        if not begun[c, w]:
                            speeds[w * columns + c] = 1.0
            if device and other_heads:
                for g in range(device):
                    rates[g * 2 * columns + c] = slice_of[g, 0, heads[c, g, 0]]
                    rates[(g * 2 + 1) * columns + c] = slice_of[g, 1, heads[c, g, 1]]
                    busy = heads[c, g, 0] + steady_sum[g]
                    for s in range(steady):
                        if steady_load[g, s] > 0:
                            steady_slices[s * columns + c] = 1.0 / (1.0 + busy - steady_load[g, s])
    return made_at, device_at, at_s, whole, first_s, last_s
