"""CoGNN's groups by hand: a GPU of 1000 MiB, jobs named after their memory, 2 s each."""

from __future__ import annotations

import pytest
from fake_clock import FakeJob, machine, run, slots

from rmixer.policies import make_policy


def groups(name: str, mib: list[int], slot_count: int = 4, gpus: int = 1) -> list[list[str]]:
    """The jobs of each group, as ``job`` or, with several GPUs, ``job@number``."""
    jobs = [FakeJob(str(m), m, duration_s=2) for m in mib]
    layout = slots(**{f"gpu{i}": slot_count for i in range(gpus)})
    starts = run(machine(gpu_mib=(1000,) * gpus), layout, jobs, make_policy(name))
    found: dict[float, list[str]] = {}
    for start in starts:
        where = f"@{start.device[-1]}" if gpus > 1 else ""
        found.setdefault(start.at_s, []).append(f"{start.job}{where}")
    return list(found.values())


def test_base_closes_a_group_at_the_job_that_would_reach_the_memory() -> None:
    """600 + 300 = 900; with 200 it would be 1100. 200 + 500 = 700; with 310 it would be 1010."""
    assert groups("cognn_base", [600, 300, 200, 500, 310]) == [
        ["600", "300"],
        ["200", "500"],
        ["310"],
    ]


def test_the_order_is_strict() -> None:
    """600 + 500 is too much. 100 would go in beside 600, but comes after 500."""
    assert groups("cognn_base", [600, 500, 100]) == [["600"], ["500", "100"]]


@pytest.mark.parametrize(("second", "together"), [(399, True), (400, False)])
def test_reaching_the_memory_is_too_much_and_a_fifth_more_is_not_asked(
    second: int, together: bool
) -> None:
    """600 + 400 = 1000 is not below 1000. 600 + 399 = 999 is, though 1.2 x 999 is not."""
    assert (len(groups("cognn_base", [600, second])) == 1) is together


def test_the_count_of_slots_closes_a_group() -> None:
    found = groups("cognn_base", [1, 2, 3, 4, 5], slot_count=2)
    assert found == [["1", "2"], ["3", "4"], ["5"]]


def test_lmcf_takes_the_least_memory_first() -> None:
    """200 + 300 = 500, and 500 more would reach 1000. 500 + 600 would, too."""
    assert groups("cognn_lmcf", [600, 300, 200, 500]) == [["200", "300"], ["500"], ["600"]]


def test_bmc_takes_the_smallest_and_the_largest_in_turn() -> None:
    """200 + 600 = 800, and 300, the smallest again, is too much. 300 + 500 = 800."""
    assert groups("cognn_bmc", [600, 300, 200, 500]) == [["200", "600"], ["300", "500"]]


def test_the_turns_of_bmc_run_on_from_group_to_group() -> None:
    """10, 50 and 20 fill three slots. It is the turn of the largest left: 40, then 30."""
    found = groups("cognn_bmc", [10, 20, 30, 40, 50], slot_count=3)
    assert found == [["10", "50", "20"], ["40", "30"]]


def test_each_gpu_takes_a_group_and_all_wait_for_the_slowest() -> None:
    """600 and 300 on GPU 0. 500 opens the group of GPU 1; 50 would go in on GPU 0, but that group
    is closed. 600 again is too much for GPU 1: it opens the next round."""
    found = groups("cognn_base", [600, 300, 500, 50, 601], gpus=2)
    assert found == [["600@0", "300@0", "500@1", "50@1"], ["601@0"]]


def test_a_barrier_ends_each_group() -> None:
    """a lasts 5 s, b 1 s on two slots. c waits for both."""
    jobs = [FakeJob("a", 1, duration_s=5), FakeJob("b", 1), FakeJob("c", 1)]
    starts = run(machine(), slots(cpu0=2), jobs, make_policy("cognn_base"))
    assert [(start.at_s, start.job) for start in starts] == [(0, "a"), (0, "b"), (5, "c")]
