"""``lpt`` by hand, against a list made on paper beforehand, and within its known bound."""

from __future__ import annotations

from itertools import product

from fake_clock import FakeJob, machine, placed, run, slots
from hypothesis import given
from hypothesis import strategies as st

from rmixer.policies import make_policy


def on_slots(count: int, durations_s: list[int]) -> list[tuple[float, str, str]]:
    jobs = [FakeJob(f"j{i}", 1, duration_s=seconds) for i, seconds in enumerate(durations_s)]
    return placed(run(machine(), slots(cpu0=count), jobs, make_policy("lpt")))


def test_grahams_example_takes_eleven_where_nine_would_do() -> None:
    """5, 5, 4, 4, 3, 3, 3 on three slots: 5, 5, 4 at 0; 4 at 4; 3, 3 at 5; the last 3 at 8."""
    starts = on_slots(3, [3, 4, 5, 3, 4, 5, 3])
    assert [(at, job) for at, job, _ in starts] == [
        (0, "j2"),
        (0, "j5"),
        (0, "j1"),
        (4, "j4"),
        (5, "j0"),
        (5, "j3"),
        (8, "j6"),
    ]


def test_a_job_waits_for_the_device_where_it_ends_sooner() -> None:
    """d (3 s on the CPU, which alone it can use) is the longest alone, then a, b, c in order: 2 s
    on the GPU, 10 s on the CPU. a ends at 2 on the GPU; b at 4 there, at 13 on the CPU; c at 6."""
    jobs = [FakeJob(name, 1, duration_s=10, gpu_s=2) for name in "abc"]
    jobs.append(FakeJob("d", 1, duration_s=3, kinds=("cpu",)))
    starts = run(machine(gpu_mib=(8000,)), slots(gpu0=1, cpu0=1), jobs, make_policy("lpt"))
    assert placed(starts) == [
        (0, "d", "cpu:0"),
        (0, "a", "gpu:0"),
        (2, "b", "gpu:0"),
        (4, "c", "gpu:0"),
    ]


def test_a_short_job_goes_ahead_where_it_holds_up_no_longer_one() -> None:
    """a (9 s on the GPU, cannot use the CPU) runs; b (8 s) waits for the GPU; c takes the CPU."""
    jobs = [
        FakeJob("a", 1, duration_s=9, kinds=("gpu",)),
        FakeJob("b", 1, duration_s=8, kinds=("gpu",)),
        FakeJob("c", 1, duration_s=1),
    ]
    starts = run(machine(gpu_mib=(8000,)), slots(gpu0=1, cpu0=1), jobs, make_policy("lpt"))
    assert placed(starts) == [(0, "a", "gpu:0"), (0, "c", "cpu:0"), (9, "b", "gpu:0")]


def test_what_is_left_of_a_running_job_counts_not_its_whole() -> None:
    """a (10 s on either) takes the GPU at 0. b arrives at 5: 4 s on the GPU, 10 s on the CPU. It
    ends at 10 + 4 = 14 if it waits for the GPU, at 15 on the CPU. Had a still 10 s left, it would
    be 19 on the GPU."""
    jobs = [
        FakeJob("a", 1, duration_s=10),
        FakeJob("b", 1, duration_s=10, gpu_s=4, arrival_s=5),
    ]
    starts = run(machine(gpu_mib=(8000,)), slots(gpu0=1, cpu0=1), jobs, make_policy("lpt"))
    assert placed(starts) == [(0, "a", "gpu:0"), (10, "b", "gpu:0")]


@given(
    slots_of=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    times_s=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=8),
)
def test_with_all_jobs_at_once_it_is_the_list_made_beforehand(
    slots_of: tuple[int, int], times_s: list[tuple[int, int]]
) -> None:
    free = {"gpu:0": [0] * slots_of[0], "cpu:0": [0] * slots_of[1]}
    expected = []
    for job in sorted(range(len(times_s)), key=lambda job: -min(times_s[job])):
        lasts = dict(zip(free, times_s[job], strict=True))
        ends = {device: min(free[device]) + lasts[device] for device in free}
        device = min(ends, key=ends.__getitem__)
        expected.append((min(free[device]), f"j{job}", device))
        free[device][free[device].index(min(free[device]))] = ends[device]
    jobs = [FakeJob(f"j{i}", 1, duration_s=c, gpu_s=g) for i, (g, c) in enumerate(times_s)]
    layout = slots(gpu0=slots_of[0], cpu0=slots_of[1])
    starts = run(machine(gpu_mib=(8000,)), layout, jobs, make_policy("lpt"))
    assert sorted(placed(starts)) == sorted(expected)


@given(count=st.integers(1, 3), durations_s=st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_it_is_within_four_thirds_of_the_best(count: int, durations_s: list[int]) -> None:
    """Graham (1969): at most 4/3 - 1/(3m) times the shortest makespan on m slots."""
    best_s = min(
        max(sum(s for s, at in zip(durations_s, places, strict=True) if at == m) for m in places)
        for places in product(range(count), repeat=len(durations_s))
    )
    ends_s = [at + durations_s[int(job[1:])] for at, job, _ in on_slots(count, durations_s)]
    assert best_s <= max(ends_s) <= best_s * (4 / 3 - 1 / (3 * count)) + 1e-9
