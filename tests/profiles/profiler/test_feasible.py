"""What does not fit the memory is refused before it is started."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest
from made_up_programs import make_command_job

from profiles.memory.memory_prediction import predict_memory
from profiles.profiler import door
from profiles.profiler.door import IDLE_BYTES, MOST_BESIDE_BYTES, check_feasible, needed_bytes
from rmixer.errors import InputError
from rmixer.models.registry import MODELS
from rmixer.models.size import model_size
from rmixer.workload.workload import Job, job_of

SMALL = replace(job_of("criteo_dlrm"), batch=8, rows_cap=100)
LARGE = replace(SMALL, batch=MODELS["criteo_dlrm"].batch + 1)
THREADS, WORKERS = (1, 2), 4


def said(jobs: list[Job], free_bytes: int) -> list[str]:
    lines: list[str] = []
    with mock.patch.object(door, "free_memory_bytes", return_value=free_bytes):
        check_feasible([(job, THREADS) for job in jobs], lines.append)
    return lines


def test_weights_that_do_not_fit_are_known_without_a_prediction() -> None:
    """MLPerf's: 24,036.6 million parameters in 4 bytes, SGD without state, are 89.5 GiB."""
    with pytest.raises(InputError, match=r"batch 2048: memory: found 89\.5 GiB .* up to 80\.0 GiB"):
        said([job_of("mlperf_dlrm")], 80 << 30)


def test_the_optimizer_of_the_job_counts() -> None:
    """With Adam it is three times that."""
    job = replace(job_of("mlperf_dlrm"), optimizer="adam")
    with pytest.raises(InputError, match=r"found 268\.6 GiB"):
        said([job], 200 << 30)


def test_a_large_batch_is_predicted_and_refused_from_the_first_byte_too_many() -> None:
    """All that is not kept from step to step counts 1.2 times."""
    found, needed = predict_memory(LARGE), needed_bytes(LARGE, WORKERS)
    kept_bytes = found.parameter_bytes + found.optimizer_bytes
    passing_bytes = found.grown_bytes - kept_bytes
    assert needed == kept_bytes + round(1.2 * passing_bytes) + WORKERS * IDLE_BYTES
    assert said([SMALL, LARGE], needed) == [
        "criteo_dlrm, batch 8: predicting its memory",
        "criteo_dlrm, batch 257: predicting its memory",
    ]
    with pytest.raises(InputError, match=r"batch 257: memory: found 1\.2 GiB by prediction"):
        said([SMALL, LARGE], needed - 1)


def test_where_there_is_plenty_own_batches_are_not_predicted() -> None:
    with mock.patch.object(door, "needed_bytes", side_effect=AssertionError):
        assert said([SMALL, job_of("criteo_dcn2")], 64 << 30) == []


def test_what_cannot_be_predicted_is_let_through() -> None:
    own = replace(SMALL, model="package.module:build")
    assert said([make_command_job(), own], 1) == []


@pytest.mark.parametrize(
    "model",
    [
        "beauty_bert4rec",
        pytest.param("mlperf_dlrm_dcnv2", marks=pytest.mark.every_model),
        pytest.param("criteo_difm", marks=pytest.mark.every_model),
    ],
)
def test_no_model_takes_much_beside_its_tables(model: str) -> None:
    """The three that take the most."""
    job = replace(job_of(model), rows_cap=1000)
    kept_bytes = model_size(job.entry, 1000).kept_bytes
    assert needed_bytes(job, 0) - kept_bytes < MOST_BESIDE_BYTES


def test_kept_bytes_are_those_of_a_step() -> None:
    """But for counts of steps, one of 4 bytes for each of Adam's tensors."""
    job = replace(SMALL, optimizer="adam")
    held = predict_memory(job)
    kept_bytes = model_size(job.entry, 100, "adam").kept_bytes
    assert 0 <= held.parameter_bytes + held.optimizer_bytes - kept_bytes < 4096
