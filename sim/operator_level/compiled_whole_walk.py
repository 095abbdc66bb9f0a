"""The walk of a whole schedule, compiled: what :mod:`sim.operator_level.lanes` does on SimPy's
clock, event for event. The same operations in the same order give the same bits.

What SimPy has as an event is a change of plain numbers here, in the same order: within an instant
ends are told in the order in which they came about, and at its end speeds are computed anew, for
each server in the order in which it first changed. Arguments are the tuples of
:mod:`sim.operator_level.whole_walk_arrays`.

All that is compiled stands in this file, and takes plain tuples: what numba keeps on disk is
renewed when this file changes, and only then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.operator_level.compiled import compiled
from sim.operator_level.instruction_tables import Floats

WORK, LAUNCH, WAIT = 0, 1, 2
"""What an instruction does: host work, device work queued, a wait until the queue is empty."""

HOST_DONE, DEVICE_DONE, QUEUE_EMPTY, WALK_DONE = 0, 1, 2, 3
"""What is told within an instant, each of one member."""

OLDEST, TOLD, CHANGED, CHANGES, BUSY_CORES = 0, 1, 2, 3, 4
"""Places in ``counts``: the oldest in the ring of what is to be told, and how many are; how many
servers have changed in this instant; how many changes there were; how many cores are busy."""


@compiled
def tell(ring: Any, counts: Any, kind: int, member: int) -> None:
    """Queue what is to be told, behind all that is queued."""
    at = (counts[OLDEST] + counts[TOLD]) % len(ring)
    ring[at, 0], ring[at, 1] = kind, member
    counts[TOLD] += 1


@compiled
def settle(servers: Any, activities: Any, server: int, now_s: float) -> None:
    """Bring what is made on ``server`` up to now, and note that it changes in this instant."""
    active, count, since_s, has_changed, changed, counts = servers
    made, rate = activities[1:]
    lane = min(server, 1)
    elapsed_s = now_s - since_s[server]
    if elapsed_s > 0:
        for k in range(count[server]):
            a = active[server, k]
            made[lane, a] += elapsed_s * rate[lane, a]
        since_s[server] = now_s
    if not has_changed[server]:
        has_changed[server] = True
        changed[counts[CHANGED]] = server
        counts[CHANGED] += 1


@compiled
def start(
    servers: Any, activities: Any, server: int, member: int, work_s: float, now_s: float
) -> None:
    """Begin ``work_s`` > 0 seconds of work of ``member`` on ``server``."""
    settle(servers, activities, server, now_s)
    active, count = servers[:2]
    work, made, rate = activities
    lane = min(server, 1)
    work[lane, member], made[lane, member], rate[lane, member] = work_s, 0.0, 0.0
    active[server, count[server]] = member
    count[server] += 1


@compiled
def occupy(host: Any, counts: Any, member: int, change: int) -> None:
    """``member`` begins (1) or ends (-1) its work on its cores."""
    cores, own, members_on, _ = host
    for k in range(own[member]):
        core = cores[member, k]
        if members_on[core] == 0 or members_on[core] + change == 0:
            counts[BUSY_CORES] += change
        members_on[core] += change


@compiled
def work_on_host(lanes: Any, host: Any, member: int, work_s: float, now_s: float) -> None:
    """Begin ``work_s`` > 0 seconds of work of ``member`` on its cores."""
    start(lanes[0], lanes[1], 0, member, work_s, now_s)
    occupy(host, lanes[0][5], member, 1)


@compiled
def end(lanes: Any, host: Any, server: int, now_s: float) -> None:
    """End the work on ``server`` that is due."""
    servers, activities, timeouts, ring = lanes
    active, count, _, _, _, counts = servers
    work, made, _ = activities
    due_s, _, due, dues = timeouts
    settle(servers, activities, server, now_s)
    lane = min(server, 1)
    left = ended = 0
    for k in range(count[server]):
        a = active[server, k]
        if ended < dues[server] and due[server, ended] == a:
            ended += 1
            made[lane, a] = work[lane, a]
            tell(ring, counts, DEVICE_DONE if lane else HOST_DONE, a)
            if lane == 0:
                occupy(host, counts, a, -1)
        else:
            active[server, left] = a
            left += 1
    count[server], due_s[server] = left, np.inf


@compiled
def host_rates(members: Any, host: Any, demands: Any, rate: Floats, busy_cores: int) -> None:
    """As :func:`sim.demand.contention.host_speeds` without a background, of ``members`` in order
    of start, each of load 1."""
    cores, own, members_on, outside = host
    pressures, weight, compute_at, stream_at, most_streams = demands
    active, curve = len(members), compute_at.shape[1]
    share, pressing, felt = np.empty(active), np.empty(active), np.zeros(active)
    for j in range(active):
        a, most = members[j], 1
        for k in range(own[a]):
            most = max(most, members_on[cores[a, k]])
        share[j] = 1.0 / most
        pressing[j] = pressures[a] * weight[a] * (share[j] * own[a] / own[a])
    for j in range(active):
        b = members[j]
        for i in range(active):
            apart = outside[b, members[i]]
            if apart == own[b]:
                felt[i] += pressing[j]
            else:
                felt[i] += pressures[b] * weight[b] * (share[j] * apart / own[b])
    for i in range(active):
        a, slowdown = members[i], 1.0
        busy = busy_cores - own[a]
        if busy > 0:
            at = min(busy, curve) - 1
            compute, stream = compute_at[a, at], stream_at[a, at]
            streaming = min(max(felt[i] / busy, 0.0), most_streams)
            slowdown = max(1.0, compute + streaming * (stream - compute) * weight[a])
        rate[a] = share[i] / slowdown


@compiled
def change(lanes: Any, host: Any, demands: Any, now_s: float) -> None:
    """Compute anew how fast the first server goes that has changed, and what ends there next."""
    servers, activities, timeouts, _ = lanes
    active, count, _, has_changed, changed, counts = servers
    work, made, rate = activities
    due_s, number, due, dues = timeouts
    server = changed[0]
    settle(servers, activities, server, now_s)
    counts[CHANGED] -= 1
    for k in range(counts[CHANGED]):
        changed[k] = changed[k + 1]
    has_changed[server] = False
    lane, members = min(server, 1), active[server, : count[server]]
    if lane == 0:
        host_rates(members, host, demands, rate[0], counts[BUSY_CORES])
    else:
        for a in members:
            rate[1, a] = 1.0 / len(members)
    wait_s = np.inf
    for a in members:
        wait_s = min(wait_s, (work[lane, a] - made[lane, a]) / rate[lane, a])
    # Work that rounding alone keeps apart ends together.
    limit_s = wait_s + 1e-12 + 1e-15 * now_s
    dues[server] = 0
    for a in members:
        if (work[lane, a] - made[lane, a]) / rate[lane, a] <= limit_s:
            due[server, dues[server]] = a
            dues[server] += 1
    counts[CHANGES] += 1
    due_s[server], number[server] = now_s + max(0.0, wait_s), counts[CHANGES]


@compiled
def next_launched(queues: Any, programs: Any, lanes: Any, member: int, now_s: float) -> None:
    """The head of the member's queue is done: the next begins, if there is one."""
    waits, queued, rows, head, tail = queues
    servers, activities, _, ring = lanes
    queued[member] = head[member] < tail[member]
    if queued[member]:
        row = rows[member, head[member]]
        head[member] += 1
        start(servers, activities, programs[3][row], member, programs[1][row], now_s)
    elif waits[member]:
        waits[member] = False
        tell(ring, servers[5], QUEUE_EMPTY, member)


@compiled
def go_on(arrays: Any, w: int, now_s: float) -> None:
    """Walker ``w`` goes on, up to its next host work, its next wait, or its end."""
    walks, queues, programs, lanes, host, demands = arrays
    _, works, place, turn, made, steps, host_made_s, draws, drawn = walks
    waits, queued, rows, head, tail = queues
    kinds, amounts, weights, on_server, first, length = programs
    servers, activities, _, ring = lanes
    work, done, _ = activities
    counts = servers[5]
    while True:
        row, kind, amount = 0, WAIT, 0.0
        if place[w] < length[w]:
            row = first[w] + (turn[w] + place[w]) % length[w]
            kind, amount = kinds[row], amounts[row]
        elif place[w] > length[w]:  # the step is whole
            made[w] += 1
            host_made_s[w] = 0.0
            if made[w] >= steps[w]:
                tell(ring, counts, WALK_DONE, w)
                return
            place[w] = head[w] = tail[w] = turn[w] = 0
            if drawn[w]:
                turn[w] = draws[w, made[w]]
            continue
        at_end = place[w] == length[w]
        place[w] += 1
        if kind == LAUNCH:
            if amount > 0 and queued[w]:
                rows[w, tail[w]] = row
                tail[w] += 1
            elif amount > 0:
                queued[w] = True
                start(servers, activities, on_server[row], w, amount, now_s)
            continue
        if works[w] and (kind == WORK or queued[w] or at_end):
            host_made_s[w] += work[0, w]
            works[w] = False
        if kind == WORK:
            works[w], demands[1][w] = True, weights[row]
            if amount > 0:
                work_on_host(lanes, host, w, amount, now_s)
            else:
                work[0, w] = done[0, w] = 0.0
                tell(ring, counts, HOST_DONE, w)
            return
        if queued[w]:
            waits[w] = True
            return


@compiled
def advance(arrays: Any, now_s: float, until_s: float) -> tuple[int, float]:
    """Go on from ``now_s`` until a member ends: returns it and when. Returns -1 and when the next
    work ends (infinite: none does) where that is not before ``until_s``. What ends the instant
    ``now_s`` is left, where ``until_s`` is no later: others have something to do in it yet."""
    walks, queues, programs, lanes, host, demands = arrays
    due_s, number = lanes[2][0], lanes[2][1]
    ring, counts = lanes[3], lanes[0][5]
    while True:
        # Work that ends now, by the order in which that was computed.
        server, earliest_s = -1, np.inf
        for s in range(len(due_s)):
            earliest_s = min(earliest_s, due_s[s])
            if due_s[s] <= now_s and (server < 0 or number[s] < number[server]):
                server = s
        if server >= 0:
            end(lanes, host, server, now_s)
        elif counts[TOLD]:
            kind, member = ring[counts[OLDEST], 0], ring[counts[OLDEST], 1]
            counts[OLDEST] = (counts[OLDEST] + 1) % len(ring)
            counts[TOLD] -= 1
            if kind == DEVICE_DONE:
                next_launched(queues, programs, lanes, member, now_s)
            elif kind == WALK_DONE or not walks[0][member]:
                return member, now_s
            else:
                go_on(arrays, member, now_s)
        elif counts[CHANGED]:
            if until_s <= now_s:
                return -1, now_s
            change(lanes, host, demands, now_s)
        elif earliest_s >= until_s:
            return -1, earliest_s
        else:
            now_s = earliest_s
