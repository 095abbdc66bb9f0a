"""The walk of a whole schedule, compiled. A test holds it equal, event for event, to SimPy
processes, one a member.

An event is a change of plain numbers here. Within an instant, ends are reported in the order
in which they came about; at its end speeds are computed anew, for each server in the order in which
it first changed. Arguments are the tuples of :mod:`sim.operator_level.whole_walk_arrays`.

All compiled code of the walk is in this file and takes plain tuples: numba renews what it keeps on
disk only when this file changes. It is one long function but for the speeds of host work: numba
counts references to every array that is taken out of a tuple or handed to a function, which costs
more here than the work itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.operator_level.compiled import compiled
from sim.operator_level.instruction_tables import Floats

WORK, LAUNCH, WAIT = 0, 1, 2
"""Kinds of instructions: host work, device work to queue, a wait until the queue is empty."""

HOST_DONE, DEVICE_DONE, QUEUE_EMPTY, WALK_DONE = 0, 1, 2, 3
"""Kinds of ends that are reported within an instant, each of one member."""

OLDEST, TOLD, CHANGED, CHANGES, BUSY_CORES = 0, 1, 2, 3, 4
"""Places in ``counts``: the oldest end in the ring of ends to report, and their number; the number
of servers that have changed in this instant; of changes so far; of busy cores."""


@compiled
def host_rates(members: Any, host: Any, demands: Any, rate: Floats, busy_cores: int) -> None:
    """:func:`sim.demand.contention.host_speeds` without a background, of ``members`` in order of
    start, each of load 1."""
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
def advance(arrays: Any, moment: Any) -> tuple[int, float]:
    """Walks on from ``now_s`` until a member ends; returns that member and the time. If the next
    work ends at ``until_s`` or later, returns -1 and that time (infinite if no work is under way).
    The end of the instant ``now_s`` is left undone if ``until_s`` is no later: others may still act
    in it.

    ``moment`` is ``now_s``, ``until_s``, the member that begins (-1: none), and its seconds of host
    work (infinite: it walks). If one begins, nothing else is done.
    """
    walks, queues, programs, lanes, host, demands = arrays
    walking, works, place, turn, steps_made, steps, host_made_s, draws, drawn = walks
    waits, queued, rows, head, tail = queues
    kinds, amounts, weights, on_server, first, length = programs
    servers, activities, timeouts, ring = lanes
    active, actives, since_s, has_changed, changed, counts = servers
    work, made, rate = activities
    due_s, number, due, dues = timeouts
    cores, own, members_on, _ = host
    weight = demands[1]
    now_s, until_s, begins, begins_s = moment
    while True:
        # The member that goes on, and what it goes on with.
        member, then = begins, HOST_DONE
        if member < 0:
            # Work that ends now, by the order in which that was computed.
            server, earliest_s = -1, np.inf
            for s in range(len(due_s)):
                earliest_s = min(earliest_s, due_s[s])
                if due_s[s] <= now_s and (server < 0 or number[s] < number[server]):
                    server = s
            if server >= 0:
                lane, elapsed_s = min(server, 1), now_s - since_s[server]
                left = ended = 0
                for k in range(actives[server]):
                    a = active[server, k]
                    if ended < dues[server] and due[server, ended] == a:
                        ended += 1
                        made[lane, a] = work[lane, a]
                        at = (counts[OLDEST] + counts[TOLD]) % len(ring)
                        ring[at, 0], ring[at, 1] = DEVICE_DONE if lane else HOST_DONE, a
                        counts[TOLD] += 1
                        if lane == 0:
                            for c in range(own[a]):
                                members_on[cores[a, c]] -= 1
                                if members_on[cores[a, c]] == 0:
                                    counts[BUSY_CORES] -= 1
                    else:
                        made[lane, a] += elapsed_s * rate[lane, a]
                        active[server, left] = a
                        left += 1
                actives[server], due_s[server], since_s[server] = left, np.inf, now_s
                if not has_changed[server]:
                    has_changed[server] = True
                    changed[counts[CHANGED]] = server
                    counts[CHANGED] += 1
                continue
            if counts[TOLD] == 0 and counts[CHANGED] > 0:
                if until_s <= now_s:
                    return -1, now_s
                # The first server that has changed: how fast it goes, and what ends there next.
                server, size = changed[0], actives[changed[0]]
                counts[CHANGED] -= 1
                for k in range(counts[CHANGED]):
                    changed[k] = changed[k + 1]
                has_changed[server] = False
                lane, elapsed_s = min(server, 1), now_s - since_s[server]
                for k in range(size):
                    a = active[server, k]
                    made[lane, a] += elapsed_s * rate[lane, a]
                    if lane:
                        rate[1, a] = 1.0 / size
                since_s[server] = now_s
                if lane == 0:
                    host_rates(active[0, :size], host, demands, rate[0], counts[BUSY_CORES])
                wait_s = np.inf
                for k in range(size):
                    a = active[server, k]
                    wait_s = min(wait_s, (work[lane, a] - made[lane, a]) / rate[lane, a])
                # Work that rounding alone keeps apart ends together.
                limit_s = wait_s + 1e-12 + 1e-15 * now_s
                ended = 0
                for k in range(size):
                    a = active[server, k]
                    if (work[lane, a] - made[lane, a]) / rate[lane, a] <= limit_s:
                        due[server, ended] = a
                        ended += 1
                counts[CHANGES] += 1
                dues[server], number[server] = ended, counts[CHANGES]
                due_s[server] = now_s + max(0.0, wait_s)
                continue
            if counts[TOLD] == 0:
                if earliest_s >= until_s:
                    return -1, earliest_s
                now_s = earliest_s
                continue
            then, member = ring[counts[OLDEST], 0], ring[counts[OLDEST], 1]
            counts[OLDEST] = (counts[OLDEST] + 1) % len(ring)
            counts[TOLD] -= 1
            if then == WALK_DONE or (then == HOST_DONE and not walking[member]):
                return member, now_s
        tells, goes_on = -1, True
        while goes_on:
            server, work_s = -1, 0.0  # what is to begin
            if then == DEVICE_DONE:
                goes_on, queued[member] = False, head[member] < tail[member]
                if queued[member]:
                    row = rows[member, head[member]]
                    head[member] += 1
                    server, work_s = on_server[row], amounts[row]
                elif waits[member]:
                    waits[member], tells = False, QUEUE_EMPTY
            elif not walking[member]:
                goes_on, server, work_s = False, 0, begins_s
            elif place[member] > length[member]:  # the step is whole
                steps_made[member] += 1
                host_made_s[member] = 0.0
                place[member] = head[member] = tail[member] = turn[member] = 0
                if steps_made[member] >= steps[member]:
                    goes_on, tells = False, WALK_DONE
                elif drawn[member]:
                    turn[member] = draws[member, steps_made[member]]
            else:
                row, kind, at_end = 0, WAIT, place[member] == length[member]
                if not at_end:
                    row = first[member] + (turn[member] + place[member]) % length[member]
                    kind = kinds[row]
                place[member] += 1
                if kind == LAUNCH:
                    if amounts[row] > 0 and queued[member]:
                        rows[member, tail[member]] = row
                        tail[member] += 1
                    elif amounts[row] > 0:
                        queued[member] = True
                        server, work_s = on_server[row], amounts[row]
                else:
                    if works[member] and (kind == WORK or queued[member] or at_end):
                        host_made_s[member] += work[0, member]
                        works[member] = False
                    if kind == WORK:
                        goes_on, works[member], weight[member] = False, True, weights[row]
                        server, work_s = 0, amounts[row]
                    elif queued[member]:
                        goes_on, waits[member] = False, True
            if server == 0 and work_s <= 0:
                work[0, member] = made[0, member] = 0.0
                tells = HOST_DONE
            elif server >= 0:
                lane, elapsed_s = min(server, 1), now_s - since_s[server]
                for k in range(actives[server]):
                    a = active[server, k]
                    made[lane, a] += elapsed_s * rate[lane, a]
                since_s[server] = now_s
                work[lane, member], made[lane, member], rate[lane, member] = work_s, 0.0, 0.0
                active[server, actives[server]] = member
                actives[server] += 1
                if not has_changed[server]:
                    has_changed[server] = True
                    changed[counts[CHANGED]] = server
                    counts[CHANGED] += 1
                if lane == 0:
                    for c in range(own[member]):
                        members_on[cores[member, c]] += 1
                        if members_on[cores[member, c]] == 1:
                            counts[BUSY_CORES] += 1
        if tells >= 0:
            at = (counts[OLDEST] + counts[TOLD]) % len(ring)
            ring[at, 0], ring[at, 1] = tells, member
            counts[TOLD] += 1
        if begins >= 0:
            return -1, now_s
