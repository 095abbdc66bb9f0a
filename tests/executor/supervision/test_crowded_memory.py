"""Memory that other programs take counts at each admission."""

from __future__ import annotations

from pathlib import Path

import executed_workloads
import pytest
from executed_workloads import MIB, execute, tiny

from executor.supervision.observer import Observer
from profiles.machines import limits
from rmixer.data.prepare import prepare
from rmixer.scheduling.booking import Booking


@pytest.mark.thorough
@pytest.mark.usefixtures("rmixer_home")
def test_a_job_waits_for_memory_that_others_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but 700 MiB is taken while the first job runs, and given back once the second waits,
    which needs 1.2 x 1200 MiB: more than these and the 500 or so of the two workers."""
    prepare("criteo_kaggle", "synthetic")
    profile_of = executed_workloads.profile_of
    monkeypatch.setattr(executed_workloads, "profile_of", lambda job: profile_of(job, 1200 * MIB))
    really_used, taken = limits.used_memory_bytes, []

    def used(groups: Path = Path("/sys/fs/cgroup")) -> int:
        return limits.usable_memory_bytes() - 700 * MIB if taken else really_used(groups)

    monkeypatch.setattr(limits, "used_memory_bytes", used)
    heard: list[str] = []

    class Taker(Observer):
        def started(self, booking: Booking, steps: int) -> None:
            heard.append(booking.job)
            if booking.job == "first":
                taken.append(True)

        def told(self, text: str) -> None:
            heard.append(text)
            taken.clear()

    run = execute(tmp_path, [tiny("first"), tiny("second")], "sequential", observer=Taker())
    assert run.failure is None
    assert heard == ["first", "waiting for memory that other programs hold", "second"]
    assert [job.state for job in run.summary.jobs] == ["done", "done"]
