"""Plays a planned schedule at the job level in compiled code: makespan and completions, no record.

All compiled code of it is in this file and takes plain tuples: numba renews what it keeps on disk
only when this file changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.operator_level.compiled import compiled
from sim.operator_level.instruction_tables import Floats

WAITS, RUNS, ENDED = 0, 1, 2
HASH_FACTOR = 0x9E3779B97F4A7C15 - (1 << 64)


ROUNDS = 8
"""The number of rounds of :mod:`sim.simple_step_times.mean_demand`."""


@compiled
def slowed(curves: Any, of_class: int, busy_cores: float, pressure: float) -> Any:
    """:func:`sim.demand.contention.slowdown` of a class, from its two ``curves`` [2, classes, k],
    the first of them 1 at k = 0, and the last k of each class."""
    curve, last = curves
    if busy_cores <= 0.0:
        return 1.0
    below = min(int(busy_cores), last[of_class])
    above = min(below + 1, last[of_class])
    part = busy_cores - below
    compute = curve[0, of_class, below]
    compute += part * (curve[0, of_class, above] - compute)
    stream = curve[1, of_class, below]
    stream += part * (curve[1, of_class, above] - stream)
    streaming = min(max(pressure / busy_cores, 0.0), 1.5)
    return max(1.0, compute + streaming * (stream - compute))


@compiled
def mean_demand(mix: Any, demands: Any, units: Any) -> None:
    """Writes the seconds of a unit of each member of ``mix``, classes that share no cores, into
    ``units``. It does the operations of :class:`sim.simple_step_times.mean_demand.MeanDemand` in
    the same order, so both are equal to the last bit.

    ``demands`` are, by class: threads, load, pressure, load of the GPU, GPU seconds and unit alone,
    [classes, 6]; its GPU, -1 for none; its curves, as :func:`slowed` takes them; the first and the
    last of its segments; and of each segment its host, device, lead, launch and tail seconds and a
    flag that the host waits, [segments, 6].
    """
    figures, gpu_of, curves, first_last, segments = demands
    count = len(mix)
    host_speed, load = np.empty(count), np.empty(count)
    share, pressing = np.empty(count), np.empty(count)
    for a in range(count):
        threads, loaded, streams = figures[mix[a], :3]
        share[a] = 1.0 / (1.0 + loaded - loaded)  # which rounding keeps from being 1
        pressing[a] = streams * loaded * (share[a] * threads / threads)
    for a in range(count):
        busy = pressure = 0.0
        for other in range(count):
            if other != a:
                for _ in range(int(figures[mix[other], 0])):
                    busy += min(1.0, figures[mix[other], 1])
                pressure += pressing[other]
        host_speed[a] = share[a] / slowed(curves, mix[a], busy, pressure)
        units[a] = figures[mix[a], 5] / host_speed[a]
        load[a] = figures[mix[a], 3]
    total = np.zeros(gpu_of.max() + 2)
    for _ in range(ROUNDS):
        total[:] = 0.0
        for a in range(count):
            total[gpu_of[mix[a]]] += load[a]
        changed = False
        for a in range(count):
            of_class = mix[a]
            if gpu_of[of_class] < 0:
                continue
            speed = 1.0 / (1.0 + total[gpu_of[of_class]] - load[a])
            on_host, on_device = 1.0 / host_speed[a], 1.0 / speed
            host = device = 0.0
            for s in range(first_last[of_class, 0], first_last[of_class, 1]):
                if segments[s, 1] > 0.0:
                    device = max(device, host + segments[s, 2] * on_host)
                    device += (segments[s, 1] - segments[s, 4]) * on_device
                    device = max(device, host + segments[s, 3] * on_host)
                    device += segments[s, 4] * on_device
                host += segments[s, 0] * on_host
                if segments[s, 5] > 0.0:
                    host = max(host, device)
            units[a] = max(host, device)
            then = min(1.0, figures[of_class, 4] / speed / units[a])
            changed = changed or then != load[a]
            load[a] = then
        if not changed:
            break


@compiled
def play(jobs: Any, plan: Any, devices: Any, row_of: Any, takes: Any, times_s: Floats) -> Any:
    """Plays a plan to its end, or until it comes to a mix that is not known.

    ``jobs`` are, by job: its arrival; the amounts of its phases by slot, [jobs, slots, phases], 0
    for one that is left out; the bytes to book by device, [jobs, devices]; and the class of each
    phase by slot, [jobs, slots, phases]. ``plan`` are, in order of dispatch: job, device, slot
    (numbered over all devices), round, and whether it waits for the rounds of its device alone. A
    slot below 0 is any of all devices of that kind, in order: it is replaced by the one that was
    free, on the device with the most free ones. ``devices`` are the booked bytes at the start, the
    memory, the least that stays booked after an end, the first slot and the kind.
    ``takes`` are the seconds that a unit takes: of each member in a known mix, whose row ``row_of``
    gives by the hash of the classes that run, in order of start; and of a class in another mix,
    [classes, mix sizes], if that holds any; and the ``demands`` of classes, from which a mix that
    is not known is computed by mean demand and remembered, if they hold any and a row is left.
    (A table of hashes within a tuple would cost numba more at each call than the whole schedule.)

    ``times_s`` [2, jobs] gets the start and the end of each job; both stay infinite if it can never
    start. Returns the jobs, the slots and the phases of a mix that is not known; empty at
    the end of the plan.
    """
    arrivals_s, amounts, to_book, classes = jobs
    job_at, device_at, slot_at, round_at, alone_at = plan
    booked_at_start, memory, least, first_slot, kind_of = devices
    units, typical, demands = takes
    count, phases = len(job_at), amounts.shape[2]
    booked = booked_at_start.copy()
    slots = first_slot[len(memory)]
    taken, blocked = np.zeros(slots, np.bool_), np.zeros(slots, np.bool_)
    waits = np.zeros(kind_of.max() + 1, np.bool_)
    state, phase = np.zeros(count, np.int64), np.full(count, -1)
    left, rate = np.zeros(count), np.zeros(count)
    running, due = np.zeros(count, np.int64), np.zeros(count, np.int64)
    opened = np.zeros(len(memory), np.int64)
    active = ended = dues = 0
    now_s = 0.0
    times_s[:] = np.inf
    while True:
        # What has ended goes on with its next phase, behind the others, or leaves.
        for d in range(dues):
            k = due[d]
            job = job_at[k]
            phase[k] += 1
            while phase[k] < phases and amounts[job, slot_at[k], phase[k]] <= 0.0:
                phase[k] += 1
            if phase[k] < phases:
                left[k] = amounts[job, slot_at[k], phase[k]]
                running[active] = k
                active += 1
                continue
            device = device_at[k]
            state[k], taken[slot_at[k]] = ENDED, False
            times_s[1, job] = now_s
            ended += 1
            booked[device] = max(booked[device] - to_book[job, device], least[device])
        if ended == count:
            break
        # What may start does, in order: its slot is free, and nothing before it waits for that.
        dues = 0
        open_round = 1 << 62
        opened[:] = open_round
        for k in range(count):
            if state[k] != ENDED:
                open_round = min(open_round, round_at[k])
                opened[device_at[k]] = min(opened[device_at[k]], round_at[k])
        blocked[:] = False
        waits[:] = False
        for k in range(count):
            if state[k] != WAITS:
                continue
            job, device, slot = job_at[k], device_at[k], slot_at[k]
            if slot < 0:
                kind = kind_of[device]
                if waits[kind]:
                    continue
                most = 0
                for d in range(len(memory)):
                    if kind_of[d] != kind or booked[d] + to_book[job, d] >= memory[d]:
                        continue
                    free_here, first_free = 0, -1
                    for s in range(first_slot[d + 1] - 1, first_slot[d] - 1, -1):
                        if not taken[s] and not blocked[s]:
                            free_here += 1
                            first_free = s
                    if free_here > most:
                        most, device, slot = free_here, d, first_free
                if slot < 0 or arrivals_s[job] > now_s:
                    waits[kind] = True
                    continue
                device_at[k], slot_at[k] = device, slot
            fits = booked[device] + to_book[job, device] < memory[device]
            free = not taken[slot] and not blocked[slot]
            is_open = round_at[k] <= (opened[device] if alone_at[k] else open_round)
            if free and fits and arrivals_s[job] <= now_s and is_open:
                state[k], taken[slot] = RUNS, True
                times_s[0, job] = now_s
                booked[device] += to_book[job, device]
                due[dues] = k
                dues += 1
            else:
                blocked[slot] = True
        for d in range(dues):
            k = due[d]
            phase[k] = 0
            while amounts[job_at[k], slot_at[k], phase[k]] <= 0.0:
                phase[k] += 1
            left[k] = amounts[job_at[k], slot_at[k], phase[k]]
            running[active] = k
            active += 1
        # The rates of this mix.
        dues = 0
        if active:
            key = np.int64(active)
            for a in range(active):
                k = running[a]
                key = key * HASH_FACTOR + classes[job_at[k], slot_at[k], phase[k]] + 1
            known = key in row_of
            if not known and len(demands[0]) and len(row_of) < len(units):
                mix = np.empty(active, np.int64)
                for a in range(active):
                    k = running[a]
                    mix[a] = classes[job_at[k], slot_at[k], phase[k]]
                row = len(row_of)
                mean_demand(mix, demands, units[row])
                row_of[key] = row
                known = True
            if not known and not len(typical):
                unknown = np.empty((3, active), np.int64)
                for a in range(active):
                    k = running[a]
                    unknown[0, a], unknown[1, a], unknown[2, a] = job_at[k], slot_at[k], phase[k]
                return unknown
            row = row_of[key] if known else 0
            for a in range(active):
                k = running[a]
                of_class = classes[job_at[k], slot_at[k], phase[k]]
                rate[k] = 1.0 / (units[row, a] if known else typical[of_class, active - 1])
        # To the next end or arrival.
        wait_s = np.inf
        for a in range(active):
            wait_s = min(wait_s, left[running[a]] / rate[running[a]])
        arrival_s = np.inf
        for k in range(count):
            if state[k] == WAITS and arrivals_s[job_at[k]] > now_s:
                arrival_s = min(arrival_s, arrivals_s[job_at[k]])
        next_s = now_s + wait_s
        if arrival_s == np.inf and wait_s == np.inf:
            break
        # Work that rounding alone keeps apart ends together.
        limit_s = wait_s + 1e-12 + 1e-15 * now_s if next_s <= arrival_s else -1.0
        elapsed_s = wait_s if next_s <= arrival_s else arrival_s - now_s
        kept = 0
        for a in range(active):
            k = running[a]
            if left[k] / rate[k] <= limit_s:
                left[k] = 0.0
                due[dues] = k
                dues += 1
            else:
                left[k] -= elapsed_s * rate[k]
                running[kept] = k
                kept += 1
        active = kept
        now_s = min(next_s, arrival_s)
    return np.empty((3, 0), np.int64)
