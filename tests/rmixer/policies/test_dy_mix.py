"""``dyMix`` by hand: which job goes to the CPU, until when, and what the GPU takes before."""

from __future__ import annotations

import pytest
from fake_clock import FakeJob, machine, placed, run, slots

from rmixer.policies import make_policy

ONE_EACH = slots(gpu0=1, cpu0=1)


def dy_mix(
    name: str, jobs: list[FakeJob], layout: object = ONE_EACH, cpu_mib: int = 8000
) -> list[tuple[float, str, str]]:
    made_up = machine(gpu_mib=(8000,), cpu_mib=cpu_mib)
    return placed(run(made_up, layout, jobs, make_policy(name)))  # type: ignore[arg-type]


FIVE = [
    FakeJob(name, 10, utilisation=share)
    for name, share in (("c", 0.5), ("a", 0.9), ("e", 0.1), ("b", 0.7), ("d", 0.3))
]


def test_the_front_goes_to_the_gpu_and_the_far_end_to_the_cpu() -> None:
    """In order a, b, c, d, e at places 0 to 4; threshold 5 x 1/2 = 2.5; beta 2: the CPU is used
    while fewer than 5 - 2 = 3 jobs have ended. 0 s: a to the GPU, e (place 4) to the CPU. 1 s: two
    have ended; b, and d (place 3). 2 s: c."""
    assert dy_mix("dyMix:beta=2", FIVE) == [
        (0, "a", "gpu:0"),
        (0, "e", "cpu:0"),
        (1, "b", "gpu:0"),
        (1, "d", "cpu:0"),
        (2, "c", "gpu:0"),
    ]


def test_the_tail_guard_keeps_the_last_jobs_for_the_gpu() -> None:
    """Beta 3: fewer than 5 - 3 = 2 jobs. At 1 s two have ended: d waits for the GPU."""
    assert dy_mix("dyMix:beta=3", FIVE)[2:] == [
        (1, "b", "gpu:0"),
        (2, "c", "gpu:0"),
        (3, "d", "gpu:0"),
    ]


def test_beta_is_four_by_default() -> None:
    """With five jobs and one GPU slot the CPU is used while fewer than 5 - 4 = 1 has ended, so at 0
    alone; for beta 5 it never is."""
    assert dy_mix("dyMix", FIVE) == dy_mix("dyMix:beta=4", FIVE)
    assert (0, "e", "cpu:0") in dy_mix("dyMix", FIVE)
    assert all(device == "gpu:0" for _, _, device in dy_mix("dyMix:beta=5", FIVE))


def test_a_job_before_the_threshold_is_not_for_the_cpu() -> None:
    """Three GPU slots to one of the CPU: threshold 3/4. Of four jobs only place 3, e, may go to the
    CPU; it does not fit there (1200 of 1000 MiB), and the last that fits is d at place 2."""
    big = [
        FakeJob("a", 10, duration_s=2, utilisation=0.9),
        FakeJob("b", 10, duration_s=2, utilisation=0.8),
        FakeJob("c", 10, duration_s=2, utilisation=0.7),
        FakeJob("d", 10, utilisation=0.3),
        FakeJob("e", 1000, utilisation=0.1),
    ]
    layout = slots(gpu0=3, cpu0=1)
    on_cpu = [each for each in dy_mix("dyMix:beta=0", big, layout, 1000) if each[2] == "cpu:0"]
    assert on_cpu == []
    fits = [each for each in dy_mix("dyMix:beta=0", big, layout, 8000) if each[2] == "cpu:0"]
    assert fits == [(0, "e", "cpu:0")]


@pytest.mark.parametrize(("cpu_slots", "expected"), [(3, 3), (2, 2)])
def test_a_place_just_at_the_threshold_is_for_the_cpu(cpu_slots: int, expected: int) -> None:
    """One GPU slot. With three slots on the CPU and four jobs the threshold is place 1: b, c and d
    go there. With two it is 4/3: c and d."""
    jobs = [
        FakeJob(n, 10, utilisation=u) for n, u in zip("abcd", (0.9, 0.7, 0.5, 0.3), strict=True)
    ]
    starts = dy_mix("dyMix:beta=0", jobs, slots(gpu0=1, cpu0=cpu_slots))
    assert sum(device == "cpu:0" for at, _, device in starts if at == 0) == expected


def test_the_gpu_picks_by_type_in_order_of_utilisation() -> None:
    """Nobody is on the GPU, which counts as compute: m, the first of another type, though c has the
    higher utilisation. Beside m, of memory type, c. The third by order: l."""
    jobs = [
        FakeJob("l", 90, "low", utilisation=0.1),
        FakeJob("c", 10, "compute", utilisation=0.9),
        FakeJob("m", 50, "memory", utilisation=0.5),
    ]
    starts = dy_mix("dyMix", jobs, slots(gpu0=3))
    assert [job for _, job, _ in starts] == ["m", "c", "l"]


def test_the_gpu_with_the_least_booked_memory_not_the_most_free() -> None:
    """500 of 8000 MiB are booked on GPU 0 and 600 of 20000 on GPU 1: GPU 0 is named."""
    made_up = machine(gpu_mib=(8000, 20_000))
    layout = slots(gpu0=1, gpu1=1)
    used = {"gpu:0": 500, "gpu:1": 600}
    (start,) = run(made_up, layout, [FakeJob("a", 10)], make_policy("dyMix"), used)
    assert start.device == "gpu:0"
    (start,) = run(made_up, layout, [FakeJob("a", 10)], make_policy("dySequ@dyMemo"), used)
    assert start.device == "gpu:1"


def test_without_a_gpu_the_least_utilised_that_fits_goes_first() -> None:
    """No GPU slot: threshold 0, and no tail. The CPU takes the last in order each time."""
    starts = run(machine(), slots(cpu0=1), FIVE, make_policy("dyMix"))
    assert [start.job for start in starts] == ["e", "d", "c", "b", "a"]


def test_n_counts_the_jobs_that_have_arrived() -> None:
    """Two jobs are there at 0, four at 1. Beta 1: fewer than 2 - 1 have ended at 0, so b goes to
    the CPU; fewer than 4 - 1 at 1, so d does. Beta 2: at 0 fewer than 2 - 2 cannot have
    ended, so b waits for the GPU; at 1 one has, fewer than 4 - 2, so d goes to the CPU."""
    jobs = [
        FakeJob("a", 10, utilisation=0.9),
        FakeJob("b", 10, utilisation=0.1),
        FakeJob("c", 10, utilisation=0.05, arrival_s=1),
        FakeJob("d", 10, utilisation=0.01, arrival_s=1),
    ]
    assert dy_mix("dyMix:beta=1", jobs) == [
        (0, "a", "gpu:0"),
        (0, "b", "cpu:0"),
        (1, "c", "gpu:0"),
        (1, "d", "cpu:0"),
    ]
    assert dy_mix("dyMix:beta=2", jobs) == [
        (0, "a", "gpu:0"),
        (1, "b", "gpu:0"),
        (1, "d", "cpu:0"),
        (2, "c", "gpu:0"),
    ]


def test_on_an_idle_machine_the_cpu_takes_what_nobody_else_can() -> None:
    """A job for the CPU alone, whatever the tail guard says: nothing else would ever start it."""
    jobs = [FakeJob("a", 10, kinds=("cpu",))]
    assert dy_mix("dyMix", jobs) == [(0, "a", "cpu:0")]
