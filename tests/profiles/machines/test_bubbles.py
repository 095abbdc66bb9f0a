"""Bubbles: neighbours on command, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from profiles.machines import bubble, limits
from profiles.machines.bubble import Bubbles, probe_machine
from profiles.machines.measure_machine import every_count
from profiles.measurements.neighbours import SweepBlocks, beside
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


def test_a_core_that_is_not_there_leaves_no_bubble_behind() -> None:
    before = set(children())
    with pytest.raises(RunFailed, match="exit code 1"):
        Bubbles((*CORES, 99_999))
    assert set(children()) <= before


def test_answers_that_nobody_fetched_are_not_those_of_the_next_question() -> None:
    """As when a job's worker dies while they work."""
    with Bubbles(CORES) as bubbles:
        bubbles.start("stream", 0.01)
        assert bubbles.probe() > 0
        bubbles.start("compute", 0.01)
        streams = max(bubbles.run("stream", 0.05))
        assert streams < min(bubbles.run("compute", 0.05)) / 10


def test_one_that_has_ended_is_replaced() -> None:
    with Bubbles(CORES) as bubbles:
        first = bubbles._workers[0].worker
        turned = bubbles.facing(first.cores)  # the same processes, also afterwards
        os.kill(first.pid, signal.SIGKILL)
        with contextlib.suppress(RunFailed):
            first.receive(10)
        assert first.epitaph().startswith(f"worker {first.pid} was killed by SIGKILL")
        assert min(turned.run("compute", 0.01)) > 0
        assert bubbles.probe() > 0
        assert bubbles._workers[0].worker is turned._workers[-1].worker is not first


def test_one_that_hangs_is_an_error_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bubbles(CORES[:1]) as bubbles:
        first = bubbles._workers[0].worker
        os.kill(first.pid, signal.SIGSTOP)
        monkeypatch.setattr(bubble, "ANSWER_WITHIN_S", 0.05)
        with pytest.raises(RunFailed, match=f"the neighbour on core {CORES[0]} failed: worker"):
            bubbles.run("compute", 0.01)
        assert first.has_ended
        monkeypatch.undo()
        assert bubbles.probe() > 0


def test_beside_a_job_that_fails_their_answers_are_fetched() -> None:
    """So that they are idle before anything else is measured."""
    told: list[str] = []

    def ask(kind: str, **fields: object) -> None:
        raise RunFailed("its step failed")

    failing: Any = SimpleNamespace(ask=ask)
    bubbles: Any = SimpleNamespace(
        start=lambda work, seconds, count: told.append(f"{count} work"),
        rates=lambda count: told.append(f"{count} are asked"),
    )
    with pytest.raises(RunFailed, match="its step failed"):
        beside(failing, bubbles, "stream", 1, SweepBlocks(1, 0.01, 0.01))
    assert told == ["1 work", "1 are asked"]


def test_the_probe_is_a_time() -> None:
    assert 0 < probe_machine(CORES[:1], repeats=1) < 60


def test_core_counts_that_were_not_measured_are_interpolated() -> None:
    assert every_count({1: 1.0, 2: 1.8, 4: 3.0}) == (1.0, 1.8, 2.4, 3.0)
