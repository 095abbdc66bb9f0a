"""Predicted memory beside measured: which figure is compared with which."""

from __future__ import annotations

import pytest

from experiments.tables.memory_table import MemoryRow, summary
from profiles.memory.memory_prediction import PredictedMemory
from rmixer.workload.workload import job_of

PREDICTED = PredictedMemory(40, 10, 20, 20, 10, heap_bytes=150, data_bytes=50)


def row(*workers: int, tensors: int | None = 100) -> MemoryRow:
    """100 bytes of tensors, a worker of 1000 with 800 of its own."""
    return MemoryRow(job_of("criteo_dlrm"), PREDICTED, 800, tensors, workers)


def test_the_median_of_the_workers_is_compared() -> None:
    found = row(1000, 1250, 800)
    assert found.resident_bytes == 1000
    assert found.measured_resident_bytes == 1000
    assert found.resident_error == 0.0
    assert found.any_worker_error == pytest.approx(0.25)
    assert found.tensor_error == 0.0


def test_nothing_is_compared_where_nothing_was_run() -> None:
    found = row(tensors=None)
    assert found.measured_resident_bytes is found.any_worker_error is None
    assert found.tensor_error is found.resident_error is None
    assert summary([found]) == ""


def test_the_largest_of_any_one_worker_is_said_too() -> None:
    assert summary([row(1000, 1250, 800), row(1000, 1000, 1100, tensors=80)]) == (
        "tensors: mean error 12.50%, largest 25.0%\n"
        "worker: mean error 0.00%, largest 0.0% (each the median of several; of any one 25.0%)"
    )
    assert summary([row(800)]).endswith("worker: mean error 25.00%, largest 25.0%")
