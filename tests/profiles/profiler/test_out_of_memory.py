"""What a worker says whom the system refuses memory, in one line."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import numpy as np
import pytest
import torch

from profiles.profiler.job_in_profiling import _without_memory
from rmixer.errors import RunFailed
from rmixer.workload.workload import job_of

JOB = job_of("wnd")


def failure_of(act: Callable[[], object]) -> RunFailed:
    """As a worker's failure reaches its parent."""
    try:
        act()
    except Exception:
        return RunFailed(f"profiling wnd failed\n{traceback.format_exc()}")
    raise AssertionError("there is that much memory")


def out_of_python() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        (lambda: torch.empty(1 << 50, dtype=torch.int8), "1048576.0 GiB"),
        (lambda: np.ones(1 << 50, dtype=np.int8), "memory"),
        (out_of_python, "memory"),
    ],
)
def test_memory_that_is_refused_is_one_line(act: Callable[[], object], asked: str) -> None:
    told = str(_without_memory(JOB, failure_of(act)))
    assert told.startswith(f"wnd, batch {JOB.batch}: the system refused it {asked} more")
    assert "\n" not in told


def test_another_failure_is_told_whole() -> None:
    failure = failure_of(lambda: [][0])
    assert _without_memory(JOB, failure) is failure
