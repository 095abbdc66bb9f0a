"""Horus and Lucid by hand, on two GPUs of four slots: jobs of 9 s unless a test says otherwise."""

from __future__ import annotations

from fake_clock import FakeJob, machine, placed, run, slots

from rmixer.policies import make_policy


def on_two_gpus(name: str, *jobs: FakeJob) -> list[tuple[float, str, str]]:
    layout = slots(gpu0=4, gpu1=4)
    return placed(run(machine(gpu_mib=(8000, 8000)), layout, jobs, make_policy(name)))


def busy(name: str, share: float, lasts_s: int = 9) -> FakeJob:
    return FakeJob(name, 10, duration_s=lasts_s, utilisation=share)


def typed(name: str, job_type: str, lasts_s: int = 9, mib: int = 10) -> FakeJob:
    return FakeJob(name, mib, job_type, duration_s=lasts_s)


def test_horus_takes_the_least_sum_up_to_100_percent() -> None:
    """a (0.6) to 0, b (0.3) to 1: 0.6 and 0.3. c (0.5): 1.1 and 0.8, so 1. d (0.4): 1.0 and 1.2,
    so 0. e (0.3): 1.3 and 1.1, so it waits for b's end at 5: 0.8 on 1."""
    jobs = (busy("a", 0.6), busy("b", 0.3, 5), busy("c", 0.5), busy("d", 0.4), busy("e", 0.3))
    assert on_two_gpus("horus", *jobs) == [
        (0, "a", "gpu:0"),
        (0, "b", "gpu:1"),
        (0, "c", "gpu:1"),
        (0, "d", "gpu:0"),
        (5, "e", "gpu:1"),
    ]


def test_horus_looks_at_the_head_of_the_queue_alone() -> None:
    """c (0.5) goes in nowhere until 9; d (0.1) would, and waits behind it."""
    starts = on_two_gpus("horus", busy("a", 0.9), busy("b", 0.9), busy("c", 0.5), busy("d", 0.1))
    assert [(at, name) for at, name, _ in starts[2:]] == [(9, "c"), (9, "d")]


def test_horus_runs_alone_what_is_over_100_percent_by_itself() -> None:
    assert on_two_gpus("horus", busy("a", 1.2)) == [(0, "a", "gpu:0")]


def test_horus_breaks_a_tie_of_decimals_by_the_order_of_the_gpus() -> None:
    """0.1 + 0.2 on GPU 0 and 0.3 on GPU 1 are the same to it."""
    starts = on_two_gpus("horus", busy("a", 0.1), busy("b", 0.3), busy("c", 0.2), busy("d", 0.05))
    assert [device for _, _, device in starts] == ["gpu:0", "gpu:1", "gpu:0", "gpu:0"]


def test_lucid_takes_the_least_sum_of_scores_up_to_two() -> None:
    """Low is 0, memory 1, compute 2. c1 to 0. m1: 3 or 1, so 1. m2: 3 or 2, so 1. l1: 2 on GPU 0;
    GPU 1 has two jobs. l2 waits: both have two. m1 ends at 4: l2 beside m2."""
    jobs = (
        typed("c1", "compute"),
        typed("m1", "memory", 4),
        typed("m2", "memory"),
        typed("l1", "low"),
        typed("l2", "low"),
    )
    assert on_two_gpus("lucid", *jobs) == [
        (0, "c1", "gpu:0"),
        (0, "m1", "gpu:1"),
        (0, "m2", "gpu:1"),
        (0, "l1", "gpu:0"),
        (4, "l2", "gpu:1"),
    ]


def test_lucid_does_not_put_compute_beside_memory() -> None:
    """m1 to 0, c0 to 1. c1 would make 3 and 4, and waits for m1; l1 waits behind it. Both have 2
    then, and GPU 1 has less booked: an ended job leaves 308 MiB for each slot of GPU 0."""
    jobs = (
        typed("m1", "memory", 4),
        typed("c0", "compute"),
        typed("c1", "compute"),
        typed("l1", "low"),
    )
    assert on_two_gpus("lucid", *jobs)[2:] == [(4, "c1", "gpu:0"), (4, "l1", "gpu:1")]


def test_lucid_takes_the_least_memory_of_equal_sums() -> None:
    """Two memory jobs, of 900 MiB on GPU 0 and 100 on GPU 1; l1 makes 1 on either."""
    jobs = (typed("m1", "memory", mib=900), typed("m2", "memory", mib=100), typed("l1", "low"))
    assert on_two_gpus("lucid", *jobs)[2] == (0, "l1", "gpu:1")
