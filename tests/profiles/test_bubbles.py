"""Bubbles: neighbours on command, and gone afterwards."""

from __future__ import annotations

import psutil
import pytest

from profiles.machines import limits
from profiles.machines.bubble import Bubbles, probe_machine
from profiles.machines.measure_machine import _every_count
from rmixer.errors import RunFailed

CORES = limits.usable_cores()[:2]


def children() -> list[psutil.Process]:
    return psutil.Process().children()


def test_each_works_on_a_core_of_its_own_and_ends_with_the_block() -> None:
    before = set(children())
    with Bubbles(CORES) as bubbles:
        born = [child for child in children() if child not in before]
        assert sorted(child.cpu_affinity()[0] for child in born) == sorted(CORES)
        assert len(bubbles) == len(CORES)
        for work in ("compute", "stream"):
            rates = bubbles.run(work, 0.02)
            assert len(rates) == len(CORES)
            assert min(rates) > 0
        assert len(bubbles.run("compute", 0.01, count=1)) == 1
        if len(CORES) > 1:
            assert bubbles.pair("stream", "compute", 1, 0.02) > 0
        assert bubbles.probe() > 0
    assert not [child for child in born if child.is_running()]


def test_one_that_rests_half_of_the_time_does_less() -> None:
    """Far less than two thirds of the work, in any but the worst of luck."""
    with Bubbles(CORES[:1]) as bubbles:
        for work in ("compute", "stream"):
            whole = max(bubbles.run(work, 0.2)[0] for _ in range(3))
            bubbles.start(work, 0.2, duty=0.25)
            assert bubbles.rates()[0] < 0.67 * whole


def test_a_core_that_is_not_there_leaves_no_bubble_behind() -> None:
    before = set(children())
    with pytest.raises(RunFailed, match="exit code 1"):
        Bubbles((*CORES, 99_999))
    assert set(children()) <= before


def test_the_probe_is_a_time() -> None:
    assert 0 < probe_machine(CORES[:1], repeats=1) < 60


def test_core_counts_that_were_not_measured_are_interpolated() -> None:
    assert _every_count({1: 1.0, 2: 1.8, 4: 3.0}, 4) == (1.0, 1.8, 2.4, 3.0)
