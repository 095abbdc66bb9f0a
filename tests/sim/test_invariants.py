"""What holds for every workload, policy and layout."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.policies import every_policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.policies.rmixer.device_rules import DEVICE_RULES
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.schedule import schedule_of
from rmixer.scheduling.view import MEMORY_MARGIN
from rmixer.testing.made_up import GIB, make_job, make_machine, make_workload
from rmixer.workload.workload import Workload
from sim import OperatorLevel, simulate
from sim.simple_step_times.mean_demand import MeanDemand

# Peaks are 1, 2 and 3 GiB: two of the largest do not fit beside each other.
MACHINE = make_machine(cores=2, memory_bytes=7 * GIB)
PROFILES = profiles()
PEAKS = {model: number * GIB for number, model in enumerate(MODELS, start=1)}


@cache
def times() -> OperatorLevel:
    return OperatorLevel(PROFILES, MACHINE)


jobs = st.tuples(
    st.sampled_from(sorted(MODELS)),
    st.integers(1, 400),
    st.one_of(st.just(0.0), st.floats(0, 20)),
)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """One to seven jobs, some of which arrive later."""
    drawn = draw(st.lists(jobs, min_size=1, max_size=7))
    return make_workload(
        *(
            make_job(f"job-{index}", model, steps=steps, arrival_s=arrival_s)
            for index, (model, steps, arrival_s) in enumerate(drawn)
        )
    )


names = st.sampled_from(list(every_policy()))
HOLD_BACK = ("carma", "horus", "lucid", "lpt")
"""They may leave a slot free for other reasons than memory and rounds, which a plan does not tell:
a replay has the same jobs in the same slots in the same order, perhaps sooner."""
FACTORS = {"margin": MEMORY_MARGIN, "peak": 1.0, "none": 0.0}


@settings(max_examples=3 * settings.default.max_examples)
@given(workload=workloads(), name=names, seed=st.integers(0, 3))
def test_every_schedule_keeps_the_rules(workload: Workload, name: str, seed: int):
    policy = make_policy(name, seed)
    layout = policy.layout(MACHINE, len(workload.jobs), Cut(cpu_slots=2))

    def run(policy):
        return simulate(
            problem_of(workload, MACHINE, PROFILES), policy, layout, times(), level="job"
        )

    result = run(policy)
    # No job is lost or run twice, and every one is done.
    assert Counter(b.job for b in result.bookings) == Counter(job.id for job in workload.jobs)
    assert all(job.state == "done" for job in result.summary.jobs)
    spans = {}
    for job in workload.jobs:
        rows = result.timeline.select(job=job.id)
        # Every step is made exactly once; nothing starts before it arrives.
        assert sum(row.steps for row in rows) == pytest.approx(job.steps, abs=1e-6)
        assert rows[0].start_s >= job.arrival_s
        # Rows follow each other without a gap, phases in order.
        for before, after in pairwise(rows):
            assert after.start_s == pytest.approx(before.end_s, abs=1e-9)
        running = [row for row in rows if row.kind != "queued"]
        spans[job.id] = (running[0].start_s, running[-1].end_s, running[0].slot)
    by_id = {job.id: job for job in workload.jobs}
    for start_s, _, _ in spans.values():
        present = [
            name for name, (first, last, _) in spans.items() if first <= start_s < last - 1e-9
        ]
        # Slots are not shared, and memory is never exceeded.
        assert len({spans[name][2] for name in present}) == len(present)
        assert len(present) <= layout.devices[0].slots
        factor = FACTORS[policy.memory]
        booked = sum(factor * PEAKS[by_id[name].model] for name in present)
        assert booked < MACHINE.memory_bytes
    if not layout.in_turn:
        assert layout.devices[0].slots * layout.devices[0].threads <= len(MACHINE.cores)
    # Same seed, same bytes; and the schedule written down and replayed is the same run.
    events = result.timeline.to_csv()
    assert run(make_policy(name, seed)).timeline.to_csv() == events
    plan = schedule_of(workload, MACHINE, policy, layout, result.bookings)
    plan.check(workload, MACHINE, "plan")
    replayed = run(Planned(plan))
    if name.startswith(HOLD_BACK):
        assert by_slot(replayed.bookings) == by_slot(result.bookings)
    else:
        assert replayed.timeline.to_csv() == events
        assert without_tags(replayed.bookings) == without_tags(result.bookings)


def by_slot(bookings: tuple[Booking, ...]) -> dict[tuple[str, int], list[str]]:
    """The jobs of each slot in order."""
    found: dict[tuple[str, int], list[str]] = {}
    for booking in bookings:
        found.setdefault((booking.devices[0], booking.slot), []).append(booking.job)
    return found


def without_tags(bookings: tuple[Booking, ...]) -> list[Booking]:
    """A plan says where a job runs, not why it was picked."""
    return [replace(booking, tag="") for booking in bookings]


BOTH_MACHINE = make_machine(cores=6, gpus=2, memory_bytes=7 * GIB, gpu_memory_bytes=7 * GIB)
BOTH = profiles(gpu=True, cpu=True)
BOTH_TIMES = MeanDemand(BOTH, BOTH_MACHINE)
ROUNDS = [
    *(f"{job}@{rule}" for job in ("static", "cognn") for rule in DEVICE_RULES),
    *("monolithic", "mps", "cognn_base", "cognn_lmcf", "cognn_bmc", "muri"),
]


@given(workload=workloads(), name=st.sampled_from(ROUNDS))
def test_rounds_on_gpus_and_cpu_are_numbered_and_replayed(workload: Workload, name: str):
    problem = problem_of(workload, BOTH_MACHINE, BOTH)
    policy = make_policy(name)
    layout = policy.layout(BOTH_MACHINE, len(workload.jobs), Cut(2, 2, 1, 1))
    layout = layout.profiled({"gpu": [1], "cpu": [1, 2]})
    result = simulate(problem, policy, layout, BOTH_TIMES, level="job")
    spans = {job.id: (job.start_s, job.end_s) for job in result.summary.jobs}
    for first, second in permutations(result.bookings, 2):
        shared = set(first.devices) & set(second.devices)
        if first.round < second.round and (shared or second.barrier == "machine"):
            assert spans[first.job][1] <= spans[second.job][0] + 1e-9
    if name != "muri":  # its rounds are counted for each device
        numbers = {booking.round for booking in result.bookings}
        assert numbers == set(range(len(numbers)))
    plan = schedule_of(workload, BOTH_MACHINE, policy, layout, result.bookings)
    replayed = simulate(problem, Planned(plan), layout, BOTH_TIMES, level="job")
    assert replayed.timeline.to_csv() == result.timeline.to_csv()
    assert without_tags(replayed.bookings) == without_tags(result.bookings)
