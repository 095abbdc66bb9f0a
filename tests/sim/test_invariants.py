"""What holds for every workload, policy and layout."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quickstart_like import MODELS, profiles

from rmixer.policies import POLICIES, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.cluster import MEMORY_MARGIN
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.schedule import schedule_of
from rmixer.testing.made_up import GIB, make_job, make_machine, make_workload
from rmixer.workload.workload import Workload
from sim import OperatorLevel, simulate

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


@given(workload=workloads(), name=st.sampled_from(sorted(POLICIES)), seed=st.integers(0, 3))
def test_every_schedule_keeps_the_rules(workload: Workload, name: str, seed: int):
    policy = make_policy(name, seed)
    layout = policy.layout(MACHINE, len(workload.jobs), 2, 1)

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
        booked = sum(MEMORY_MARGIN * PEAKS[by_id[name].model] for name in present)
        assert booked < MACHINE.memory_bytes
    if not layout.in_turn:
        assert layout.devices[0].slots * layout.devices[0].threads <= len(MACHINE.cores)
    # Same seed, same bytes; and the schedule written down and replayed is the same run.
    events = result.timeline.to_csv()
    assert run(make_policy(name, seed)).timeline.to_csv() == events
    plan = schedule_of(workload, MACHINE, name, seed, layout, result.bookings)
    plan.check(workload, MACHINE, "plan")
    replayed = run(Planned(plan))
    assert replayed.timeline.to_csv() == events
    assert replayed.bookings == result.bookings
