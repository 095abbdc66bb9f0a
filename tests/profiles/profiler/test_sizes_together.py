"""Which sizes are measured together: those of one model, in parts that the memory holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from profiles.memory.memory_prediction import predict_memory
from profiles.profiler.door import IDLE_BYTES
from profiles.profiler.profile_jobs import MOST_TOGETHER, SHARE, sizes_together
from rmixer.workload.workload import Job, job_of

WORKERS = 4


def sized(model: str, *batches: int) -> list[Job]:
    return [replace(job_of(model), batch=batch, rows_cap=100) for batch in batches]


def found(jobs: list[Job], free_bytes: int = 64 << 30) -> list[list[list[tuple[str, int]]]]:
    together = list(sizes_together(jobs, WORKERS, free_bytes))
    assert list(chain.from_iterable(chain.from_iterable(together))) == jobs
    return [[[(job.model, job.batch) for job in part] for part in parts] for parts in together]


def lengths(jobs: list[Job], free_bytes: float = 64 << 30) -> list[list[int]]:
    return [[len(part) for part in parts] for parts in found(jobs, int(free_bytes))]


def test_sizes_of_one_model_are_together_and_models_are_not() -> None:
    jobs = sized("criteo_dlrm", 8, 16) + sized("criteo_dcn", 8) + sized("criteo_flen", 8, 4)
    assert found(jobs) == [
        [[("criteo_dlrm", 8), ("criteo_dlrm", 16)]],
        [[("criteo_dcn", 8)]],
        [[("criteo_flen", 8), ("criteo_flen", 4)]],
    ]


def test_another_configuration_is_another_model() -> None:
    (one,) = sized("criteo_dlrm", 8)
    other = replace(one, batch=16, optimizer="sgd")
    assert found([one, other]) == [[[("criteo_dlrm", 8)]], [[("criteo_dlrm", 16)]]]


def test_no_more_than_the_memory_holds() -> None:
    """All workers have started; beside them there is room for two of the largest, or for one; or
    not even for all workers."""
    jobs = sized("criteo_dlrm", 64, 8, 16, 32, 128)
    held, idle = predict_memory(jobs[-1]).grown_bytes, WORKERS * IDLE_BYTES
    assert lengths(jobs, (5 * idle + 5.5 * held) / SHARE) == [[5]]
    assert lengths(jobs, (5 * idle + 2.5 * held) / SHARE) == [[2, 2, 1]]
    assert lengths(jobs, (5 * idle + 1.5 * held) / SHARE) == [[1] * 5]
    assert lengths(jobs, (3 * idle + 1.5 * held) / SHARE) == [[1] * 3, [1] * 2]
    assert lengths(jobs, 1) == [[1]] * 5


def test_beside_one_that_cannot_be_held_each_is_alone() -> None:
    """It fails by itself, and the others are profiled."""
    assert lengths(sized("criteo_dlrm", 8, 10**11, 16)) == [[1], [1], [1]]


def test_nor_more_than_a_few() -> None:
    jobs = sized("criteo_dlrm", *range(1, MOST_TOGETHER + 3))
    assert lengths(jobs) == [[MOST_TOGETHER], [2]]
