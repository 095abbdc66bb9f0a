"""``dyMemo``, ``dyArin``, ``static`` and ``cognn`` by hand-made cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_clock import FakeJob, machine, order, placed, run, slots

from rmixer.policies import make_policy


def by_size(*mib: int, lasts_s: int = 5, **apart: int) -> list[FakeJob]:
    """Jobs named after their memory; ``j60=1`` lets that one last 1 s."""
    return [FakeJob(f"j{m}", m, duration_s=apart.get(f"j{m}", lasts_s)) for m in mib]


def test_dymemo_takes_the_largest_and_the_smallest_in_turn() -> None:
    """60 (large), 10 (small), 50 (large), 20 (small): four slots are full."""
    starts = run(machine(), slots(cpu0=4), by_size(40, 10, 60, 30, 20, 50), make_policy("dyMemo"))
    assert order(starts)[:4] == ["j60", "j10", "j50", "j20"]


@pytest.mark.parametrize(("ends_first", "then"), [("j60", "j40"), ("j10", "j30")])
def test_the_counts_of_large_and_small_fall_when_a_job_ends(ends_first: str, then: str) -> None:
    """60, 10, 50, 20 run; 40 and 30 wait. If 60 ends, one large and two small are left: the front,
    40. If 10 ends, two large and one small: the back, 30."""
    jobs = by_size(60, 50, 40, 30, 20, 10, **{ends_first: 1})
    starts = run(machine(), slots(cpu0=4), jobs, make_policy("dyMemo"))
    assert placed(starts)[4] == (1, then, "cpu:0")


def test_each_device_has_its_own_counts() -> None:
    """The GPU with the fewest jobs in turn: 40 to 0 and 30 to 1, both large; 10 to 0, 20 to 1."""
    layout = slots(gpu0=2, gpu1=2)
    jobs = by_size(10, 20, 30, 40)
    starts = run(machine(gpu_mib=(8000, 8000)), layout, jobs, make_policy("dyMemo@dyWork"))
    assert [(s.job, s.device) for s in starts] == [
        ("j40", "gpu:0"),
        ("j30", "gpu:1"),
        ("j10", "gpu:0"),
        ("j20", "gpu:1"),
    ]


def test_dymemo_takes_the_last_that_fits_and_equal_jobs_in_order() -> None:
    """a, b and c are equal. a from the front; c from the back, the last of equals; then b."""
    jobs = [FakeJob(name, 10) for name in "abc"]
    assert order(run(machine(), slots(cpu0=3), jobs, make_policy("dyMemo"))) == ["a", "c", "b"]


def test_dyarin_goes_by_utilisation_and_not_by_memory() -> None:
    """Utilisation 0.9, 0.5, 0.25, 0.1: the first, the last, the second, the third."""
    shares = {"b": 0.5, "d": 0.1, "a": 0.9, "c": 0.25}
    jobs = [FakeJob(n, 10 * i, utilisation=u) for i, (n, u) in enumerate(shares.items(), 1)]
    starts = run(machine(), slots(cpu0=4), jobs, make_policy("dyArin"))
    assert order(starts) == ["a", "d", "b", "c"]


TYPES = [
    FakeJob("m1", 90, "memory", duration_s=3),
    FakeJob("c1", 80, "compute"),
    FakeJob("l1", 70, "low"),
]


def test_static_is_dytype_in_rounds() -> None:
    """Nobody is there, which counts as compute: m1, the first of another type. Beside it c1. l1
    starts when both have ended, at 3; dyType starts it when c1 has, at 1."""
    starts = run(machine(), slots(cpu0=2), TYPES, make_policy("static"))
    assert placed(starts) == [(0, "m1", "cpu:0"), (0, "c1", "cpu:0"), (3, "l1", "cpu:0")]
    starts = run(machine(), slots(cpu0=2), TYPES, make_policy("dyType"))
    assert placed(starts)[2] == (1, "l1", "cpu:0")


def test_a_round_closes_when_no_job_fits_the_named_device() -> None:
    """a (900 MiB, booked 1080) takes a GPU of 2100 MiB, c (100) goes in beside it, b (900) does
    not. A slot is free there, so the GPU stays named: the CPU gets nothing, and the round closes
    until a has ended."""
    jobs = [
        FakeJob("a", 900, duration_s=4),
        FakeJob("b", 900, duration_s=4),
        FakeJob("c", 100),
    ]
    layout = slots(gpu0=3, cpu0=2)
    starts = run(machine(gpu_mib=(2100,)), layout, jobs, make_policy("static@dySequ"))
    assert placed(starts) == [(0, "a", "gpu:0"), (0, "c", "gpu:0"), (4, "b", "gpu:0")]


def test_cognn_alternates_from_the_largest_within_each_round() -> None:
    """40 and 10 in the first round; the counts are 0 again: 30, then 20."""
    jobs = by_size(20, 40, 10, 30, lasts_s=2)
    starts = run(machine(), slots(cpu0=2), jobs, make_policy("cognn"))
    assert placed(starts) == [
        (0, "j40", "cpu:0"),
        (0, "j10", "cpu:0"),
        (2, "j30", "cpu:0"),
        (2, "j20", "cpu:0"),
    ]


def test_cognn_skips_what_does_not_fit() -> None:
    """800 (booked 960) on 1100 MiB; from the back 50 (60); from the front 300 (360) does not fit,
    60 (72) does, and the round is full by memory. 300 follows in the next."""
    jobs = by_size(800, 300, 60, 50, lasts_s=2)
    starts = run(machine(cpu_mib=1100), slots(cpu0=4), jobs, make_policy("cognn"))
    assert [(s.at_s, s.job) for s in starts] == [
        (0, "j800"),
        (0, "j50"),
        (0, "j60"),
        (2, "j300"),
    ]


def test_a_bare_job_name_takes_the_device_rule_of_its_name_else_dysequ() -> None:
    """Two GPUs of 4000 and 8000 MiB: dyMemo's device rule names the second, dySequ's the first."""
    job = replace(TYPES[0], peak_mib=10)
    layout = slots(gpu0=1, gpu1=1)
    made_up = machine(gpu_mib=(4000, 8000))
    found = {
        name: run(made_up, layout, [job], make_policy(name))[0].device
        for name in ("dyMemo", "dyArin", "dyRand", "dyType", "static", "cognn")
    }
    assert found == {**dict.fromkeys(found, "gpu:0"), "dyMemo": "gpu:1"}
