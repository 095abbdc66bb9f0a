"""The type of a job, by hand-made cases on a core of 50 GFLOP/s and 10 GB/s."""

from __future__ import annotations

import pytest

from profiles.assembling.job_type import (
    core_balance,
    core_utilisation,
    job_type,
    memory_sensitivity,
)
from rmixer.testing.made_up import make_machine

MACHINE = make_machine()


def test_balance_is_where_computing_takes_as_long_as_moving() -> None:
    assert (MACHINE.matmul_gflops[0], MACHINE.bandwidth_gbps[0]) == (50.0, 10.0)
    assert core_balance(MACHINE) == 5.0
    assert core_balance(MACHINE, threads=2) == 100.0 / 10.0


@pytest.mark.parametrize(
    ("flops", "moved_bytes", "utilisation"),
    [
        (25_000_000, 1_000_000, 0.5),  # in 1 ms a core does 50 MFLOP
        (5_000_000, 8_000_000, 0.8),  # or moves 10 MB
        (90_000_000, 1_000_000, 1.0),  # caches and clocks may beat what was measured
        (0, 0, 0.0),
    ],
)
def test_utilisation_is_the_larger_share_of_compute_and_bandwidth(
    flops: int, moved_bytes: int, utilisation: float
) -> None:
    assert core_utilisation(MACHINE, flops, moved_bytes, 1e-3) == pytest.approx(utilisation)


def test_two_threads_have_two_cores_to_keep_busy() -> None:
    """Which compute twice as much, and here move no more."""
    assert core_utilisation(MACHINE, 25_000_000, 0, 1e-3, threads=2) == pytest.approx(0.25)
    assert core_utilisation(MACHINE, 0, 8_000_000, 1e-3, threads=2) == pytest.approx(0.8)


def test_sensitivity_is_what_streams_add_to_a_busy_neighbour() -> None:
    """Both bubbles slow clocks and share a core; only one of them takes bandwidth."""
    assert memory_sensitivity((1.1, 1.25), (1.2, 1.5)) == pytest.approx(1.2)
    assert memory_sensitivity((1.3,), (1.3,)) == 1.0
    assert memory_sensitivity((), ()) is None


@pytest.mark.parametrize(
    ("case", "utilisation", "intensity", "sensitivity", "kind"),
    [
        ("small look-ups and small layers wait for the host", 0.09, 40.0, None, "low"),
        ("... even if streams disturb them", 0.09, 0.2, 1.5, "low"),
        ("without bubbles the roofline decides: on the ridge", 0.3, 5.0, None, "compute"),
        ("without bubbles the roofline decides: below it", 0.3, 4.9, None, "memory"),
        ("few FLOPs a byte, but its bytes are in the cache", 0.3, 0.5, 1.01, "compute"),
        ("many FLOPs a byte, but it waits for rows", 0.3, 40.0, 1.10, "memory"),
        ("both agree", 0.9, 0.5, 1.4, "memory"),
        ("both agree", 0.9, 40.0, 1.0, "compute"),
        ("a little sensitive: the roofline decides", 0.3, 5.0, 1.05, "compute"),
        ("a little sensitive: the roofline decides", 0.3, 4.9, 1.05, "memory"),
    ],
)
def test_types(
    case: str, utilisation: float, intensity: float, sensitivity: float | None, kind: str
) -> None:
    assert job_type(utilisation, intensity, 5.0, sensitivity) == kind, case


@pytest.mark.parametrize("sensitivity", [None, 1.0, 1.05, 2.0])
def test_more_flops_a_byte_never_make_a_job_memory_bound(sensitivity: float | None) -> None:
    kinds = [job_type(0.5, 2.0**k, 5.0, sensitivity) for k in range(-4, 10)]
    assert kinds == sorted(kinds, reverse=True)  # memory ... compute
