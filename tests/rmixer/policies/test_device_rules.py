"""RMixer's device rules by hand-made cases: five equal jobs on two GPUs of two slots and a CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_clock import FakeJob, Start, machine, placed, run, slots

from rmixer.policies import make_policy

LAYOUT = slots(gpu0=2, gpu1=2, cpu0=1)


def devices(rule: str, *jobs: FakeJob, gpu_mib: tuple[int, int] = (8000, 8000)) -> list[str]:
    """Where the jobs go, in their order, which is also their order by memory."""
    starts = run(machine(gpu_mib=gpu_mib), LAYOUT, jobs, make_policy(f"dySequ@{rule}"))
    assert [start.job for start in starts] == [job.id for job in jobs]
    return [start.device for start in starts]


FIVE = [FakeJob(name, 10, duration_s=5) for name in "abcde"]


def test_dysequ_names_the_first_device_with_a_free_slot() -> None:
    assert devices("dySequ", *FIVE) == ["gpu:0", "gpu:0", "gpu:1", "gpu:1", "cpu:0"]


def test_dywork_names_the_gpu_with_the_fewest_jobs_and_the_cpu_when_all_are_full() -> None:
    assert devices("dyWork", *FIVE) == ["gpu:0", "gpu:1", "gpu:0", "gpu:1", "cpu:0"]


def test_dywork_counts_what_runs_and_not_the_free_slots() -> None:
    """GPU 0 has one slot, GPU 1 three: a to 0, b to 1, c to 1, and so on."""
    layout = slots(gpu0=1, gpu1=3)
    starts = run(machine(gpu_mib=(8000, 8000)), layout, FIVE[:4], make_policy("dySequ@dyWork"))
    assert [start.device for start in starts] == ["gpu:0", "gpu:1", "gpu:1", "gpu:1"]


def test_dymemo_names_the_gpu_with_the_most_memory_that_is_not_booked() -> None:
    """8000 and 10000 MiB are free. a (2500, booked 3000) to 1: 8000 and 7000. b (1000: 1200) to 0:
    6800 and 7000. c to 1, which is full then; d to 0, which is full then; e to the CPU."""
    sizes = {"a": 2500, "b": 1000, "c": 500, "d": 400, "e": 300}
    jobs = [FakeJob(name, mib, duration_s=5) for name, mib in sizes.items()]
    found = devices("dyMemo", *jobs, gpu_mib=(8000, 10_000))
    assert found == ["gpu:1", "gpu:0", "gpu:1", "gpu:0", "cpu:0"]


def test_dyarin_names_the_least_utilised_gpu_and_waits_if_it_is_full() -> None:
    """a (0.5) to GPU 0, b (0.25) and c (0.125) to GPU 1, which has 0.375 and is full. It is named
    for d, which waits for it while GPU 0 and the CPU have free slots. b ends at 2: d starts."""
    shares = {"a": (0.5, 5), "b": (0.25, 2), "c": (0.125, 5), "d": (0.5, 5)}
    jobs = [FakeJob(n, 10, duration_s=s, utilisation=u) for n, (u, s) in shares.items()]
    starts = run(machine(gpu_mib=(8000, 8000)), LAYOUT, jobs, make_policy("dySequ@dyArin"))
    assert placed(starts) == [
        (0, "a", "gpu:0"),
        (0, "b", "gpu:1"),
        (0, "c", "gpu:1"),
        (2, "d", "gpu:1"),
    ]


def test_dyarin_breaks_a_tie_of_decimals_by_the_order_of_the_devices() -> None:
    """a (0.1) to GPU 0, b (0.3) to 1, c (0.2) to 0. Now both have 0.3, though 0.1 + 0.2 is more
    than 0.3 in binary: d goes to GPU 0."""
    shares = {"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.5}
    jobs = [FakeJob(n, 10, duration_s=5, utilisation=u) for n, u in shares.items()]
    layout = slots(gpu0=3, gpu1=3)
    starts = run(machine(gpu_mib=(8000, 8000)), layout, jobs, make_policy("dySequ@dyArin"))
    assert [start.device for start in starts] == ["gpu:0", "gpu:1", "gpu:0", "gpu:0"]


@pytest.mark.parametrize("rule", ["dySequ", "dyWork", "dyArin", "dyMemo"])
def test_without_a_gpu_the_cpu_is_named(rule: str) -> None:
    starts = run(machine(), slots(cpu0=2), FIVE[:2], make_policy(f"dySequ@{rule}"))
    assert starts == [Start(0, "a", "cpu:0", 0), Start(0, "b", "cpu:0", 1)]


@pytest.mark.parametrize("rule", ["dySequ", "dyWork", "dyArin", "dyMemo"])
def test_where_the_named_device_takes_no_job_no_other_is_tried(rule: str) -> None:
    """a (900 MiB, booked 1080) runs on a GPU of 2000 MiB. b
    (900) does not fit beside it, and waits though the CPU is free."""
    jobs = [FakeJob(name, 900, duration_s=3, utilisation=0.0) for name in "ab"]
    layout = slots(gpu0=2, cpu0=1)
    starts = run(machine(gpu_mib=(2000,)), layout, jobs, make_policy(f"dySequ@{rule}"))
    assert placed(starts) == [(0, "a", "gpu:0"), (3, "b", "gpu:0")]


@pytest.mark.parametrize("rule", ["dySequ", "dyWork", "dyArin", "dyMemo"])
def test_on_an_idle_machine_the_other_devices_are_tried(rule: str) -> None:
    """big fits the CPU alone. As published it would wait for ever for a GPU."""
    jobs = [replace(FIVE[0], peak_mib=9000)]
    starts = run(machine(gpu_mib=(8000, 8000)), LAYOUT, jobs, make_policy(f"dySequ@{rule}"))
    assert placed(starts) == [(0, "a", "cpu:0")]
