"""The walk of :mod:`sim.operator_level.replications`, compiled. The operations and their order are
the same, so both give the same bits.

Some replications are walked together, a column each. Every round takes each column to its next
event, by loops over columns without a branch, which the compiler turns into vector instructions.
Most events change one walker and are worked out in plain numbers. A column takes the next
replication when its present one ends. Speeds are worked out again only if the set of working
walkers has changed. All arrays are flat: an index of two numbers costs as much as the work itself.

It is one long function on purpose: numba counts references to every array that is taken out of a
tuple or handed to a function, which costs more here than the work itself. All compiled code of the
walk is in this file and takes plain tuples: numba renews what it keeps on disk only when this file
changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.operator_level.compiled import compiled
from sim.operator_level.instruction_tables import Floats

COLUMNS = 32
# Rows of columns, of each walker and of all. They lie a fixed distance apart, whatever the number
# of columns in use: so the compiler knows that they do not overlap.
LEFT, SPEED, QUEUED, SLICE = 0, COLUMNS, 2 * COLUMNS, 3 * COLUMNS
HOST_LEFT, DEVICE_LEFT, NEXT, ON_LINK = 4 * COLUMNS, 5 * COLUMNS, 6 * COLUMNS, 7 * COLUMNS
ROW = 8 * COLUMNS
ELAPSED, LIMIT, NOW, SOONEST, HITS = 0, COLUMNS, 2 * COLUMNS, 3 * COLUMNS, 4 * COLUMNS
# A walker's block: the instruction it is at, the head and the tail of its queue, steps made,
# whether it has begun, whether it works, and the lane of its queue's head.
AT, HEAD, TAIL, MADE, BEGUN, WORKS, LANE, BLOCK = 0, 1, 2, 3, 4, 5, 6, 8
LINK, EMPTY = 1, 2
STOPS, AT_END = 1, 2


@compiled
def _host_speeds(host: Any, loads: Floats, weights: Floats, speeds: Floats) -> None:
    """:func:`sim.demand.contention.host_speeds` of one replication, with members without load."""
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
    """Walks every replication until the slowest walker has done its measured steps.

    ``steps``, ``host`` and ``gpus`` are the fields of :class:`Steps`, :class:`Host` and
    :class:`Gpus` of :mod:`sim.operator_level.walked_mix`; the result has those of its
    :class:`Marks`. ``loads`` are those of the members of mean demand, ``delays_s`` [walkers,
    replications] when each walker begins. ``patterns`` [patterns, members] remembers speeds by the
    set of walkers that work, NaN while they are unknown; it is empty if speeds depend on more.
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
    # What goes on in every column: rows of each walker, and of all.
    state, every = np.ones(walkers * ROW), np.zeros(5 * COLUMNS)
    on_host, on_device = np.zeros(steady * COLUMNS), np.zeros(steady * COLUMNS)
    steady_speeds, steady_slices = np.ones(steady * COLUMNS), np.ones(steady * COLUMNS)
    # What is looked at where something happens: a block a walker, column after column.
    jobs, heavy = np.zeros(walkers * columns * BLOCK, np.int64), np.ones(columns * members)
    ended, speed = np.zeros(walkers, np.bool_), np.ones(members)
    load, weights = np.zeros(members), np.ones(members)
    load[walkers:] = loads
    # How many queues have their head on each lane of a GPU (the third: are empty), their speed
    # there, and what it is for any number of them.
    heads = np.zeros(columns * device * 3, np.int64)
    rates, slice_of = np.ones(max(1, device) * 3 * COLUMNS), np.ones(device * 3 * (walkers + 1))
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
                    i, job = w * ROW + c, (c * walkers + w) * BLOCK
                    state[i + LEFT] = delays_s[w, r] if r >= 0 else np.inf
                    state[i + QUEUED], state[i + SPEED], state[i + ON_LINK] = np.inf, 1.0, 0.0
                    jobs[job + AT] = w * width
                    jobs[job + HEAD] = jobs[job + TAIL] = w * depth
                    jobs[job + MADE] = jobs[job + BEGUN] = jobs[job + WORKS] = 0
                    jobs[job + LANE], heavy[c * members + w] = EMPTY, 1.0
                for lane in range(3 * device):
                    heads[c * device * 3 + lane] = 0
                    rates[lane * COLUMNS + c] = slice_of[lane * (walkers + 1)]
                for w in range(walkers):
                    if gpu_of[w] >= 0:
                        heads[(c * device + gpu_of[w]) * 3 + EMPTY] += 1
                for s in range(c, steady * COLUMNS, COLUMNS):
                    on_host[s] = on_device[s] = 0.0
                every[NOW + c], waiting[c], measuring[c], fresh[c] = 0.0, walkers, False, True
        # Each column goes on to the next thing that happens in it.
        for c in range(columns):
            every[ELAPSED + c] = np.inf
        for w in range(walkers):
            i, gpu = w * ROW, max(0, gpu_of[w]) * 3 * COLUMNS
            for c in range(columns):
                own, its_link = rates[gpu + c], rates[gpu + COLUMNS + c]
                own = its_link if state[i + ON_LINK + c] > 0.0 else own
                here_s = state[i + LEFT + c] / state[i + SPEED + c]
                there_s = state[i + QUEUED + c] / own
                state[i + SLICE + c] = own
                state[i + HOST_LEFT + c] = here_s
                state[i + DEVICE_LEFT + c] = there_s
                here_s = here_s if here_s < there_s else there_s
                state[i + NEXT + c] = here_s
                least_s, which = every[ELAPSED + c], every[SOONEST + c]
                every[SOONEST + c] = float(w) if here_s < least_s else which
                every[ELAPSED + c] = here_s if here_s < least_s else least_s
        for c in range(columns):
            # Work that rounding alone keeps apart ends together.
            every[LIMIT + c] = every[ELAPSED + c] + 1e-12 + 1e-15 * every[NOW + c]
            every[HITS + c] = 0.0
        if loading:  # who begins at once comes first
            loading = False
            for c in range(columns):
                if fresh[c]:
                    every[ELAPSED + c] = every[LIMIT + c] = 0.0
        for w in range(walkers):
            i = w * ROW
            for c in range(columns):
                elapsed_s = every[ELAPSED + c]
                state[i + LEFT + c] -= state[i + SPEED + c] * elapsed_s
                state[i + QUEUED + c] -= state[i + SLICE + c] * elapsed_s
                every[HITS + c] += 1.0 if state[i + NEXT + c] <= every[LIMIT + c] else 0.0
        for s in range(steady):
            row = s * COLUMNS
            for c in range(columns):
                on_host[row + c] += steady_speeds[row + c] * every[ELAPSED + c]
                on_device[row + c] += steady_slices[row + c] * every[ELAPSED + c]
        for c in range(columns):
            every[NOW + c] += every[ELAPSED + c]
        for c in range(columns):
            r = replication[c]
            if r < 0:
                continue
            other_host = other_heads = fresh[c]
            fresh[c] = any_ended = False
            limit_s, now_s = every[LIMIT + c], every[NOW + c]
            w = int(every[SOONEST + c])
            end = w + 1
            if every[HITS + c] != 1.0:
                w, end = 0, walkers
            while w < end:
                i, job, gpu = w * ROW + c, (c * walkers + w) * BLOCK, gpu_of[w] * 3
                w += 1
                done, over = state[i + HOST_LEFT] <= limit_s, False
                if state[i + DEVICE_LEFT] <= limit_s:  # the head of its queue is done
                    head = jobs[job + HEAD] + 1
                    jobs[job + HEAD] = head
                    lane, last = EMPTY, jobs[job + LANE]
                    state[i + QUEUED] = np.inf
                    if head < jobs[job + TAIL]:
                        state[i + QUEUED], lane = amount[head], lanes[head]
                    else:
                        over = jobs[job + WORKS] == 0
                    if lane != last:
                        jobs[job + LANE], state[i + ON_LINK] = lane, lane == LINK
                        at = c * device * 3 + gpu
                        heads[at + last] -= 1
                        heads[at + lane] += 1
                        n = (gpu + last) * (walkers + 1) + heads[at + last]
                        rates[(gpu + last) * COLUMNS + c] = slice_of[n]
                        n = (gpu + lane) * (walkers + 1) + heads[at + lane]
                        rates[(gpu + lane) * COLUMNS + c] = slice_of[n]
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
                                state[i + QUEUED] = amount[head]
                                jobs[job + LANE], state[i + ON_LINK] = lane, lane == LINK
                                at = c * device * 3 + gpu
                                heads[at + EMPTY] -= 1
                                heads[at + lane] += 1
                                n = (gpu + lane) * (walkers + 1) + heads[at + lane]
                                rates[(gpu + lane) * COLUMNS + c] = slice_of[n]
                                other_heads = True
                        if stopped:
                            jobs[job + WORKS], state[i + LEFT], other_host = 0, np.inf, True
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
                        state[i + LEFT] = work[here]
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
                                first_s[w, r] = now_s
                            last_s[w, r] = now_s
                            whole[w, r] += 1
                if mark >= 0:
                    at_s[mark, r] = now_s
                    for w in range(walkers):
                        job = (c * walkers + w) * BLOCK
                        here = jobs[job + AT]
                        left_s = state[w * ROW + LEFT + c]
                        done_s = work[here] - left_s if jobs[job + WORKS] else 0.0
                        part = (before[here] + done_s) / host_s[w]
                        made_at[mark, w, r] = jobs[job + MADE] + min(1.0, part)
                    for s in range(steady):
                        made_at[mark, walkers + s, r] = on_host[s * COLUMNS + c]
                        device_at[mark, s, r] = on_device[s * COLUMNS + c]
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
                        speed[m] = patterns[pattern, m]
                for w in range(walkers):
                    state[w * ROW + SPEED + c] = speed[w]
                for s in range(steady):
                    steady_speeds[s * COLUMNS + c] = speed[walkers + s]
                if waiting[c]:
                    for w in range(walkers):
                        if not jobs[(c * walkers + w) * BLOCK + BEGUN]:
                            state[w * ROW + SPEED + c] = 1.0
            if steady and other_heads:
                for g in range(device):
                    busy = heads[(c * device + g) * 3] + steady_sum[g]
                    for s in range(steady):
                        if steady_load[g, s] > 0:
                            steady_slices[s * COLUMNS + c] = 1.0 / (1.0 + busy - steady_load[g, s])
    return made_at, device_at, at_s, whole, first_s, last_s
