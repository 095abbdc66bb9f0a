"""CARMA by hand: jobs of 100 s on GPUs of 16000 MiB and four slots, unless it says otherwise."""

from __future__ import annotations

import pytest
from fake_clock import FakeJob, machine, placed, run, slots

from rmixer.policies import make_policy

ALL = ("carma_ff", "carma_bf", "carma_magm", "carma_lug", "carma_rr")


def carma(
    name: str, *jobs: FakeJob, gpu_mib: tuple[int, ...] = (16_000, 16_000)
) -> list[tuple[float, str, str]]:
    layout = slots(**{f"gpu{i}": 4 for i in range(len(gpu_mib))})
    return placed(run(machine(gpu_mib=gpu_mib), layout, jobs, make_policy(name)))


def job(name: str, mib: int = 1000, **more: object) -> FakeJob:
    return FakeJob(name, mib, **{"duration_s": 100, "utilisation": 0.1, **more})  # type: ignore[arg-type]


def test_an_idle_gpu_first_then_a_gpu_rests_for_30_s() -> None:
    """a and b to the idle GPUs at 0. c and d find nothing until 30, when nothing happens but that
    the clock asks again: c to GPU 0, d to GPU 1. e at 60."""
    assert carma("carma_ff", *map(job, "abcde")) == [
        (0, "a", "gpu:0"),
        (0, "b", "gpu:1"),
        (30, "c", "gpu:0"),
        (30, "d", "gpu:1"),
        (60, "e", "gpu:0"),
    ]


def test_a_gpu_that_is_idle_again_is_taken_at_once() -> None:
    jobs = (job("a", duration_s=5), job("b"))
    assert carma("carma_ff", *jobs, gpu_mib=(16_000,))[1] == (5, "b", "gpu:0")


def test_the_window_is_a_setting() -> None:
    jobs = (job("a"), job("b"))
    assert carma("carma_ff:window_s=0", *jobs, gpu_mib=(16_000,))[1] == (0, "b", "gpu:0")
    assert carma("carma_ff:window_s=7.5", *jobs, gpu_mib=(16_000,))[1] == (7.5, "b", "gpu:0")


def test_only_the_head_of_the_queue_is_looked_at() -> None:
    """b does not go in beside a. c would, and waits behind it, until a ends at 100."""
    starts = carma("carma_ff", job("a", 9000), job("b", 9000), job("c"), gpu_mib=(16_000,))
    assert starts == [(0, "a", "gpu:0"), (100, "b", "gpu:0"), (130, "c", "gpu:0")]


@pytest.mark.parametrize(("peak_mib", "at_s"), [(952, 30), (953, 100)])
def test_what_is_free_covers_the_peak_and_2048_mib(peak_mib: int, at_s: int) -> None:
    """a leaves 3000 of 4000 MiB; 952 + 2048 = 3000."""
    starts = carma("carma_ff", job("a"), job("b", peak_mib), gpu_mib=(4000,))
    assert starts[1] == (at_s, "b", "gpu:0")
    assert carma("carma_ff:extra_mib=0", job("a"), job("b", peak_mib), gpu_mib=(4000,))[1][0] == 30


def test_an_idle_gpu_need_not_have_the_2048_mib() -> None:
    assert carma("carma_ff", job("a", 3900), gpu_mib=(4000,)) == [(0, "a", "gpu:0")]


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("carma_ff", "gpu:0"),
        ("carma_bf", "gpu:1"),
        ("carma_magm", "gpu:2"),
        ("carma_lug", "gpu:1"),
        ("carma_rr", "gpu:0"),
    ],
)
def test_which_of_the_gpus_that_could_take_a_job(name: str, device: str) -> None:
    """a, b, c hold 2000, 3000 and 1000 MiB and keep 0.5, 0.1 and 0.3 busy. d: the first; the one
    with the least free memory; with the most; the least busy; the next after GPU 2 in the ring."""
    jobs = [job("a", 2000, utilisation=0.5), job("b", 3000, utilisation=0.1)]
    jobs += [job("c", 1000, utilisation=0.3), job("d", 10)]
    starts = carma(name, *jobs, gpu_mib=(16_000,) * 3)
    assert starts[3] == (30, "d", device)


def test_the_ring_goes_on_where_the_last_job_was_sent() -> None:
    """c to GPU 0 at 30. d comes at 70, when both have rested: GPU 1 in the ring, else the first."""
    jobs = [*map(job, "abc"), job("d", arrival_s=70)]
    assert carma("carma_rr", *jobs)[3] == (70, "d", "gpu:1")
    assert carma("carma_ff", *jobs)[3] == (70, "d", "gpu:0")


@pytest.mark.parametrize(
    ("figures", "hot"),
    [
        ({"utilisation": 0.8, "occupancy": 0.45}, True),
        ({"utilisation": 0.8, "bandwidth": 0.4}, True),
        ({"utilisation": 0.8, "occupancy": 0.44, "bandwidth": 0.39}, False),
        ({"utilisation": 0.79, "occupancy": 1.0, "bandwidth": 1.0}, False),
        ({"utilisation": 1.0}, False),
    ],
)
@pytest.mark.parametrize("name", ALL)
def test_a_hot_gpu_gets_no_more(name: str, figures: dict[str, float], hot: bool) -> None:
    """b waits for the end of a at 100 if a alone makes the GPU hot; the ring takes no notice."""
    starts = carma(name, job("a", **figures), job("b"), gpu_mib=(16_000,))
    assert starts[1][0] == (100 if hot and name != "carma_rr" else 30)


def test_the_residents_are_hot_together() -> None:
    """0.1 + 0.7 = 0.8 busy and 0.3 + 0.15 = 0.45 occupied, in decimals. c waits for 100."""
    jobs = [job("a", utilisation=0.1, occupancy=0.3), job("b", utilisation=0.7, occupancy=0.15)]
    starts = carma("carma_ff", *jobs, job("c"), gpu_mib=(16_000,))
    assert starts == [(0, "a", "gpu:0"), (30, "b", "gpu:0"), (100, "c", "gpu:0")]


@pytest.mark.parametrize("name", ALL)
def test_without_a_gpu_the_cpu_is_the_one_device(name: str) -> None:
    starts = run(machine(), slots(cpu0=4), [job("a"), job("b")], make_policy(name))
    assert placed(starts) == [(0, "a", "cpu:0"), (30, "b", "cpu:0")]
