"""What a worker says whom the system refuses memory, in one line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from profiles.profiler.job_in_profiling import _without_memory
from rmixer.errors import RunFailed
from rmixer.training.task_failure import OutOfMemory, failure_of, report_of
from rmixer.training.user_code import UserCodeFailed
from rmixer.workload.workload import job_of

JOB = job_of("wnd")


def failed(act: Callable[[], object]) -> RunFailed:
    """As a worker's failure reaches its parent."""
    try:
        act()
    except Exception as error:
        return failure_of(report_of(error))
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
    told = str(_without_memory(JOB, failed(act)))
    assert told.startswith(f"wnd, batch {JOB.batch}: the system refused it {asked} more")
    assert "\n" not in told


def test_another_failure_is_told_whole() -> None:
    failure = failed(lambda: [][0])
    assert _without_memory(JOB, failure) is failure


def out_of_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("act", [out_of_gpu, out_of_python])
def test_memory_that_is_refused_is_a_cause_of_its_own(act: Callable[[], None]) -> None:
    assert isinstance(failed(act), OutOfMemory)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        act()
    assert isinstance(failed(lambda: _raise(UserCodeFailed(raised.value))), OutOfMemory)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_memory_that_the_driver_refuses_is_no_other_error(said: str) -> None:
    assert isinstance(failed(lambda: _raise(RuntimeError(said))), OutOfMemory)


def test_an_error_that_only_mentions_memory_is_another_one() -> None:
    assert not isinstance(failed(lambda: _raise(ValueError("OutOfMemoryError"))), OutOfMemory)


def _raise(error: Exception) -> None:
    raise error
