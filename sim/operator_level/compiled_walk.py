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
    at, head = np.zeros(walkers, np.int64), np.zeros(walkers, np.int64)
    tail, made = np.zeros(walkers, np.int64), np.zeros(walkers, np.int64)
    begun, ended = np.zeros(walkers, np.bool_), np.zeros(walkers, np.bool_)
    lane_of = np.full(walkers, 2)  # the lane of the head of each queue, 2 if it is empty
    width = (walkers + 7) // 8 * 8
    left_s, speeds, host_left_s = np.empty(width), np.ones(width), np.empty(width)
    queued_s, slices, device_left_s = np.empty(width), np.ones(width), np.empty(width)
    next_s, elapsed = np.empty(width), np.empty(1)
    next_bits, elapsed_bits = next_s.view(np.int64), elapsed.view(np.int64)
    heads = np.zeros((max(1, device), 3), np.int64)  # how many queues have theirs on a lane
    rates, slice_beside = np.ones((max(1, device), 3)), np.ones((device, 2, walkers + 1))
    for g in range(device):
        for n in range(walkers + 1):
            slice_beside[g, 0, n] = 1.0 / max(n + steady_sum[g], 1.0)
            slice_beside[g, 1, n] = 1.0 / max(n, 1)
    load, heavy = np.ones(members), np.ones(members)
    load[walkers:] = loads
    speed = np.ones(members)
    on_host, on_device, steady_slices = np.zeros(steady), np.zeros(steady), np.ones(steady)
    for r in range(count):
        for k in range(width):
            left_s[k] = host_left_s[k] = queued_s[k] = device_left_s[k] = next_s[k] = np.inf
        for w in range(walkers):
            at[w] = head[w] = tail[w] = made[w] = 0
            begun[w] = False
            left_s[w] = host_left_s[w] = next_s[w] = delays_s[w, r]
            lane_of[w] = 2
            load[w], heavy[w] = 0.0, 1.0
        for g in range(device):
            heads[g, 0] = heads[g, 1] = heads[g, 2] = 0
        for s in range(steady):
            on_host[s] = on_device[s] = 0.0
        now_s = elapsed_s = limit_s = 0.0
        waiting = walkers
        measuring, first, other_host, other_heads = False, True, True, True
        while True:
            if not first:  # who begins at once comes before
                if other_host:
                    if by_pattern:
                        pattern = 0
                        for w in range(walkers):
                            if load[w] > 0:
                                pattern |= 1 << w
                        if np.isnan(patterns[pattern, 0]):
                            _host_speeds(host, load, heavy, speed)
                            for i in range(members):
                                patterns[pattern, i] = speed[i]
                        for i in range(walkers, members):
                            speed[i] = patterns[pattern, i]
                        for w in range(walkers):
                            speeds[w] = patterns[pattern, w]
                    else:
                        _host_speeds(host, load, heavy, speed)
                        for w in range(walkers):
                            speeds[w] = speed[w]
                    if waiting:
                        for w in range(walkers):
                            if not begun[w]:
                                speeds[w] = 1.0
                    other_host = False
                if device and other_heads:
                    for g in range(device):
                        rates[g, 0] = slice_beside[g, 0, heads[g, 0]]
                        rates[g, 1] = slice_beside[g, 1, heads[g, 1]]
                        busy = heads[g, 0] + steady_sum[g]
                        for s in range(steady):
                            if steady_load[g, s] > 0:
                                steady_slices[s] = 1.0 / (1.0 + busy - steady_load[g, s])
                    for w in range(walkers):
                        slices[w] = rates[gpu_of[w], lane_of[w]]
                    other_heads = False
                for k in range(width):
                    host_left_s[k] = left_s[k] / speeds[k]
                if device:
                    for k in range(width):
                        device_left_s[k] = queued_s[k] / slices[k]
                for k in range(width):
                    here_s, there_s = host_left_s[k], device_left_s[k]
                    next_s[k] = here_s if here_s < there_s else there_s
                least = next_bits[0]
                for k in range(width):
                    least = min(least, next_bits[k])
                elapsed_bits[0] = least
                elapsed_s = elapsed[0]
                # Work that rounding alone keeps apart ends together.
                limit_s = elapsed_s + 1e-12 + 1e-15 * now_s
                for k in range(width):
                    left_s[k] -= speeds[k] * elapsed_s
                if device:
                    for k in range(width):
                        queued_s[k] -= slices[k] * elapsed_s
                for s in range(steady):
                    on_host[s] += speed[walkers + s] * elapsed_s
                    on_device[s] += steady_slices[s] * elapsed_s
                now_s += elapsed_s
            any_ended = False
            for w in range(walkers):
                if next_s[w] > limit_s:
                    continue
                done, piece, over = host_left_s[w] <= limit_s, device_left_s[w] <= limit_s, False
                if piece:  # the head of its queue is done
                    head[w] += 1
                    lane = 2
                    if head[w] < tail[w]:
                        queued_s[w] = amount[w, head[w]]
                        lane = 0 if on[0, w, head[w]] > 0 else 1
                    else:
                        queued_s[w] = np.inf
                        over = load[w] == 0.0
                    if lane != lane_of[w]:
                        heads[gpu_of[w], lane_of[w]] -= 1
                        heads[gpu_of[w], lane] += 1
                        lane_of[w] = lane
                        other_heads = True
                while done or over:  # and what follows from it in no time
                    begins, stopped = over, False
                    if done and not begun[w]:
                        begun[w] = begins = True
                        waiting -= 1
                        other_host = True
                    elif done:
                        here = at[w]
                        at[w] = here + 1
                        if launches[w, here] > 0:
                            if head[w] == tail[w]:
                                queued_s[w] = amount[w, head[w]]
                                lane_of[w] = 0 if on[0, w, head[w]] > 0 else 1
                                heads[gpu_of[w], lane_of[w]] += 1
                                other_heads = True
                            tail[w] += launches[w, here]
                        if stops[w, here]:
                            stopped = other_host = True
                            load[w], left_s[w] = 0.0, np.inf
                        else:
                            begins = True
                    if over and at_end[w, at[w]]:
                        made[w] += 1
                        at[w] = head[w] = tail[w] = 0
                        ended[w] = any_ended = True
                    done = False
                    if begins:
                        here = at[w]
                        if load[w] == 0.0 or heavy[w] != weight[w, here]:
                            other_host = True
                        load[w], heavy[w] = 1.0, weight[w, here]
                        left_s[w] = work[w, here]
                        done = left_s[w] <= 0
                    over = stopped and head[w] == tail[w]
            first = False
            if not any_ended:
                continue
            mark = -1
            if ended[slowest]:
                mark = 0 if made[slowest] == 1 else 1 if made[slowest] == 1 + measured else -1
                measuring = True
            for w in range(walkers):
                if ended[w]:
                    ended[w] = False
                    if measuring:
                        if whole[w, r] < 0:
                            first_s[w, r] = now_s
                        last_s[w, r] = now_s
                        whole[w, r] += 1
            if mark >= 0:
                at_s[mark, r] = now_s
                for w in range(walkers):
                    here = at[w]
                    done_s = work[w, here] - left_s[w] if load[w] > 0 else 0.0
                    part = (before[w, here] + done_s) / host_s[w]
                    made_at[mark, w, r] = made[w] + min(1.0, part)
                for s in range(steady):
                    made_at[mark, walkers + s, r] = on_host[s]
                    device_at[mark, s, r] = on_device[s]
                if mark == 1:
                    break
    return made_at, device_at, at_s, whole, first_s, last_s
