"""The walk of :mod:`sim.operator_level.replications`, compiled: one replication after the other, in
plain numbers. The same operations in the same order: both give the same bits.

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
    left_s, queued_s = np.zeros(walkers), np.zeros(walkers)
    host_left_s, device_left_s = np.empty(walkers), np.full(walkers, np.inf)
    lane_of = np.full(walkers, -1)  # the lane of the head of each queue
    busy = np.zeros((max(1, device), 2))
    slices = np.ones(walkers)
    load, heavy = np.ones(members), np.ones(members)
    load[walkers:] = loads
    speed = np.ones(members)
    on_host, on_device, steady_slices = np.zeros(steady), np.zeros(steady), np.ones(steady)
    for r in range(count):
        for w in range(walkers):
            at[w] = head[w] = tail[w] = made[w] = 0
            begun[w] = False
            left_s[w], queued_s[w], lane_of[w] = delays_s[w, r], np.inf, -1
            load[w], heavy[w] = 0.0, 1.0
        for s in range(steady):
            on_host[s] = on_device[s] = 0.0
        now_s = elapsed_s = limit_s = 0.0
        measuring, first = False, True
        while True:
            if first:  # who begins at once
                for w in range(walkers):
                    host_left_s[w] = left_s[w]
                    device_left_s[w] = np.inf
            else:
                if by_pattern:
                    pattern = 0
                    for w in range(walkers):
                        if load[w] > 0:
                            pattern |= 1 << w
                    if np.isnan(patterns[pattern, 0]):
                        _host_speeds(host, load, heavy, speed)
                        for i in range(members):
                            patterns[pattern, i] = speed[i]
                    for i in range(members):
                        speed[i] = patterns[pattern, i]
                else:
                    _host_speeds(host, load, heavy, speed)
                elapsed_s = np.inf
                for w in range(walkers):
                    if not begun[w]:
                        speed[w] = 1.0
                    host_left_s[w] = left_s[w] / speed[w]
                    elapsed_s = min(elapsed_s, host_left_s[w])
                if device:
                    for g in range(device):
                        busy[g, 0], busy[g, 1] = 0.0, 0.0
                    for w in range(walkers):
                        if lane_of[w] >= 0:
                            busy[gpu_of[w], lane_of[w]] += 1.0
                    for g in range(device):
                        busy[g, 0] += steady_sum[g]
                        for s in range(steady):
                            if steady_load[g, s] > 0:
                                steady_slices[s] = 1.0 / (1.0 + busy[g, 0] - steady_load[g, s])
                    for w in range(walkers):
                        if lane_of[w] >= 0:
                            slices[w] = 1.0 / max(busy[gpu_of[w], lane_of[w]], 1.0)
                            device_left_s[w] = queued_s[w] / slices[w]
                            elapsed_s = min(elapsed_s, device_left_s[w])
                        else:
                            device_left_s[w] = np.inf
                # Work that rounding alone keeps apart ends together.
                limit_s = elapsed_s + 1e-12 + 1e-15 * now_s
                for s in range(steady):
                    on_host[s] += speed[walkers + s] * elapsed_s
                    on_device[s] += steady_slices[s] * elapsed_s
                now_s += elapsed_s
            for w in range(walkers):
                ended[w] = over = False
                if not first:
                    left_s[w] -= speed[w] * elapsed_s
                    if lane_of[w] >= 0:
                        queued_s[w] -= slices[w] * elapsed_s
                        if device_left_s[w] <= limit_s:  # the head of its queue is done
                            head[w] += 1
                            if head[w] < tail[w]:
                                queued_s[w] = amount[w, head[w]]
                                lane_of[w] = 0 if on[0, w, head[w]] > 0 else 1
                            else:
                                queued_s[w], lane_of[w] = np.inf, -1
                                over = load[w] == 0.0
                done = host_left_s[w] <= limit_s
                while done or over:  # and what follows from it in no time
                    begins, stopped = over, False
                    if done and not begun[w]:
                        begun[w] = begins = True
                    elif done:
                        here = at[w]
                        at[w] = here + 1
                        if launches[w, here] > 0:
                            if head[w] == tail[w]:
                                queued_s[w] = amount[w, head[w]]
                                lane_of[w] = 0 if on[0, w, head[w]] > 0 else 1
                            tail[w] += launches[w, here]
                        if stops[w, here]:
                            stopped = True
                            load[w], left_s[w] = 0.0, np.inf
                        else:
                            begins = True
                    if over and at_end[w, at[w]]:
                        made[w] += 1
                        at[w] = head[w] = tail[w] = 0
                        ended[w] = True
                    done = False
                    if begins:
                        here = at[w]
                        load[w], left_s[w], heavy[w] = 1.0, work[w, here], weight[w, here]
                        done = left_s[w] <= 0
                    over = stopped and head[w] == tail[w]
            first = False
            mark = -1
            if ended[slowest]:
                mark = 0 if made[slowest] == 1 else 1 if made[slowest] == 1 + measured else -1
                measuring = True
            if measuring:
                for w in range(walkers):
                    if ended[w]:
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
