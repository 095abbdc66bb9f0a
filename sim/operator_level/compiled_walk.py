"""The walk of :mod:`sim.operator_level.replications`, compiled. The same operations in the same
order: both give the same bits.

Some replications go side by side, a column each. Every round takes each column to the next thing
that happens in it, by loops over columns without a branch, which the compiler turns into vector
instructions; what happens there changes one walker, mostly, and is worked out in plain numbers. A
column takes the next replication when its own is over. Speeds are looked up again where who works
has changed. All tables are flat, which saves more than it looks: an index of two numbers costs as
much as the work itself.

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

COLUMNS = 32
# A walker's block: the instruction it is at, the head and the tail of its queue, steps made,
# whether it has begun, whether it works, and the lane of its queue's head.
AT, HEAD, TAIL, MADE, BEGUN, WORKS, LANE, BLOCK = 0, 1, 2, 3, 4, 5, 6, 8
LINK, EMPTY = 1, 2
STOPS, AT_END = 1, 2


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
    work, before, weight, then, lanes, amount, width, depth, host_s, slowest, measured = steps
    gpu_of, steady_load, steady_sum = gpus
    by_pattern, device = patterns.shape[0] > 0, steady_sum.shape[0]
    columns = min(COLUMNS, count)
    # What goes on in every column: a row of columns a member.
    size = walkers * columns
    left_s, queued_s, next_s = np.full(size, np.inf), np.full(size, np.inf), np.empty(size)
    host_left_s, device_left_s = np.full(size, np.inf), np.full(size, np.inf)
    speeds, slices = np.ones(members * columns), np.ones(size)
    on_link = np.zeros(size, np.int64)
    on_host, on_device = np.zeros(steady * columns), np.zeros(steady * columns)
    steady_slices = np.ones(steady * columns)
    elapsed_s, limit_s, now_s = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    soonest, hits = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    # What is looked at where something happens: a block a walker, column after column.
    jobs, heavy = np.zeros(size * BLOCK, np.int64), np.ones(columns * members)
    ended, speed = np.zeros(walkers, np.bool_), np.ones(members)
    load, weights = np.zeros(members), np.ones(members)
    load[walkers:] = loads
    # How many queues have their head on each lane of a GPU (the third: are empty), their speed
    # there, and what it is for any number of them.
    heads = np.zeros(columns * device * 3, np.int64)
    rates, slice_of = np.ones(device * 3 * columns), np.ones(device * 3 * (walkers + 1))
    for g in range(device):
        for n in range(walkers + 1):
            slice_of[3 * g * (walkers + 1) + n] = 1.0 / max(n + steady_sum[g], 1.0)
            slice_of[(3 * g + 1) * (walkers + 1) + n] = 1.0 / max(n, 1)
    replication, waiting = np.full(columns, -1), np.zeros(columns, np.int64)
    measuring, fresh = np.zeros(columns, np.bool_), np.zeros(columns, np.bool_)
    following, walked, loading = 0, 0, True
    while walked < count:
        if loading:  # a column that has none takes the next replication
            for c in range(columns):
                if replication[c] != -1:
                    continue
                r = replication[c] = following if following < count else -2
                following += 1
                for w in range(walkers):
                    i, job = w * columns + c, (c * walkers + w) * BLOCK
                    left_s[i] = delays_s[w, r] if r >= 0 else np.inf
                    queued_s[i], speeds[i], slices[i] = np.inf, 1.0, 1.0
                    jobs[job + AT] = w * width
                    jobs[job + HEAD] = jobs[job + TAIL] = w * depth
                    jobs[job + MADE] = jobs[job + BEGUN] = jobs[job + WORKS] = 0
                    jobs[job + LANE], heavy[c * members + w] = EMPTY, 1.0
                for lane in range(3 * device):
                    heads[c * device * 3 + lane] = 0
                    rates[lane * columns + c] = slice_of[lane * (walkers + 1)]
                for w in range(walkers):
                    if gpu_of[w] >= 0:
                        heads[(c * device + gpu_of[w]) * 3 + EMPTY] += 1
                for s in range(c, steady * columns, columns):
                    on_host[s] = on_device[s] = 0.0
                now_s[c], waiting[c], measuring[c], fresh[c] = 0.0, walkers, False, True
        # Each column goes on to the next thing that happens in it.
        for i in range(size):
            host_left_s[i] = left_s[i] / speeds[i]
        for w in range(walkers if device else 0):
            row, gpu = w * columns, gpu_of[w] * 3 * columns
            if gpu >= 0:
                for c in range(columns):
                    own, its_link = rates[gpu + c], rates[gpu + columns + c]
                    own = its_link if on_link[row + c] else own
                    slices[row + c] = own
                    device_left_s[row + c] = queued_s[row + c] / own
        for c in range(columns):
            elapsed_s[c] = np.inf
        for w in range(walkers):
            row = w * columns
            for c in range(columns):
                here_s, there_s = host_left_s[row + c], device_left_s[row + c]
                here_s = here_s if here_s < there_s else there_s
                next_s[row + c] = here_s
                least_s, which = elapsed_s[c], soonest[c]
                soonest[c] = w if here_s < least_s else which
                elapsed_s[c] = here_s if here_s < least_s else least_s
        for c in range(columns):
            # Work that rounding alone keeps apart ends together.
            limit_s[c] = elapsed_s[c] + 1e-12 + 1e-15 * now_s[c]
            hits[c] = 0
        if loading:  # who begins at once comes first
            loading = False
            for c in range(columns):
                if fresh[c]:
                    elapsed_s[c] = limit_s[c] = 0.0
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
            other_host = other_heads = fresh[c]
            fresh[c] = any_ended = False
            w = soonest[c]
            end = w + 1
            if hits[c] != 1:
                w, end = 0, walkers
            while w < end:
                i, job, gpu = w * columns + c, (c * walkers + w) * BLOCK, gpu_of[w] * 3
                w += 1
                done, over = host_left_s[i] <= limit_s[c], False
                if device_left_s[i] <= limit_s[c]:  # the head of its queue is done
                    head = jobs[job + HEAD] + 1
                    jobs[job + HEAD] = head
                    lane, last = EMPTY, jobs[job + LANE]
                    queued_s[i] = np.inf
                    if head < jobs[job + TAIL]:
                        queued_s[i], lane = amount[head], lanes[head]
                    else:
                        over = jobs[job + WORKS] == 0
                    if lane != last:
                        jobs[job + LANE], on_link[i] = lane, lane == LINK
                        at = c * device * 3 + gpu
                        heads[at + last] -= 1
                        heads[at + lane] += 1
                        n = (gpu + last) * (walkers + 1) + heads[at + last]
                        rates[(gpu + last) * columns + c] = slice_of[n]
                        n = (gpu + lane) * (walkers + 1) + heads[at + lane]
                        rates[(gpu + lane) * columns + c] = slice_of[n]
                        other_heads = True
                while done or over:  # and what follows from it in no time
                    begins, stopped = over, False
                    here = jobs[job + AT]
                    if done and not jobs[job + BEGUN]:
                        jobs[job + BEGUN] = 1
                        begins = other_host = True
                        waiting[c] -= 1
                    elif done:
                        launched = then[here] >> 2
                        begins = (then[here] & STOPS) == 0
                        stopped = not begins
                        here += 1
                        if launched > 0:
                            head, tail = jobs[job + HEAD], jobs[job + TAIL]
                            jobs[job + TAIL] = tail + launched
                            if head == tail:
                                lane = lanes[head]
                                queued_s[i] = amount[head]
                                jobs[job + LANE], on_link[i] = lane, lane == LINK
                                at = c * device * 3 + gpu
                                heads[at + EMPTY] -= 1
                                heads[at + lane] += 1
                                n = (gpu + lane) * (walkers + 1) + heads[at + lane]
                                rates[(gpu + lane) * columns + c] = slice_of[n]
                                other_heads = True
                        if stopped:
                            jobs[job + WORKS], left_s[i], other_host = 0, np.inf, True
                    if over and then[here] & AT_END:
                        jobs[job + MADE] += 1
                        here = (w - 1) * width
                        jobs[job + HEAD] = jobs[job + TAIL] = (w - 1) * depth
                        ended[w - 1] = any_ended = True
                    jobs[job + AT] = here
                    done = False
                    if begins:
                        if jobs[job + WORKS] == 0:
                            jobs[job + WORKS], other_host = 1, True
                        if not by_pattern and heavy[c * members + w - 1] != weight[here]:
                            heavy[c * members + w - 1], other_host = weight[here], True
                        left_s[i] = work[here]
                        done = work[here] <= 0
                    over = stopped and jobs[job + HEAD] == jobs[job + TAIL]
            if any_ended:
                mark = -1
                if ended[slowest]:
                    made = jobs[(c * walkers + slowest) * BLOCK + MADE]
                    mark = 0 if made == 1 else 1 if made == 1 + measured else -1
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
                        job = (c * walkers + w) * BLOCK
                        here = jobs[job + AT]
                        done_s = work[here] - left_s[w * columns + c] if jobs[job + WORKS] else 0.0
                        part = (before[here] + done_s) / host_s[w]
                        made_at[mark, w, r] = jobs[job + MADE] + min(1.0, part)
                    for s in range(steady):
                        made_at[mark, walkers + s, r] = on_host[s * columns + c]
                        device_at[mark, s, r] = on_device[s * columns + c]
                    if mark == 1:
                        walked += 1
                        replication[c], loading = -1, True
                        continue
            if other_host:
                pattern = 0
                if by_pattern:
                    for w in range(walkers):
                        pattern |= jobs[(c * walkers + w) * BLOCK + WORKS] << w
                if not by_pattern or np.isnan(patterns[pattern, 0]):
                    for w in range(walkers):
                        load[w] = jobs[(c * walkers + w) * BLOCK + WORKS]
                        weights[w] = heavy[c * members + w]
                    _host_speeds(host, load, weights, speed)
                    if by_pattern:
                        for m in range(members):
                            patterns[pattern, m] = speed[m]
                if by_pattern:
                    for m in range(members):
                        speeds[m * columns + c] = patterns[pattern, m]
                else:
                    for m in range(members):
                        speeds[m * columns + c] = speed[m]
                if waiting[c]:
                    for w in range(walkers):
                        if not jobs[(c * walkers + w) * BLOCK + BEGUN]:
                            speeds[w * columns + c] = 1.0
            if steady and other_heads:
                for g in range(device):
                    busy = heads[(c * device + g) * 3] + steady_sum[g]
                    for s in range(steady):
                        if steady_load[g, s] > 0:
                            steady_slices[s * columns + c] = 1.0 / (1.0 + busy - steady_load[g, s])
    return made_at, device_at, at_s, whole, first_s, last_s
