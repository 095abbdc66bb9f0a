"""Which sizes are measured together: those of one model, as many as the memory holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from profiles.feasible import needed_bytes
from profiles.sizes_in_turn import MOST_IN_TURN, SHARE, sizes_in_turn
from rmixer.workload import Job, job_of

WORKERS = 4


def sized(model: str, *batches: int) -> list[Job]:
    return [replace(job_of(model), batch=batch, rows_cap=100) for batch in batches]


def found(jobs: list[Job], free_bytes: int = 64 << 30) -> list[list[tuple[str, int]]]:
    together = list(sizes_in_turn(jobs, WORKERS, free_bytes))
    assert list(chain.from_iterable(together)) == jobs
    return [[(job.model, job.batch) for job in sizes] for sizes in together]


def test_sizes_of_one_model_are_together_and_models_are_not() -> None:
    jobs = sized("criteo_dlrm", 8, 16) + sized("criteo_dcn", 8) + sized("criteo_flen", 8, 4)
    assert found(jobs) == [
        [("criteo_dlrm", 8), ("criteo_dlrm", 16)],
        [("criteo_dcn", 8)],
        [("criteo_flen", 8), ("criteo_flen", 4)],
    ]


def test_another_configuration_is_another_model() -> None:
    (one,) = sized("criteo_dlrm", 8)
    other = replace(one, batch=16, optimizer="sgd")
    assert found([one, other]) == [[("criteo_dlrm", 8)], [("criteo_dlrm", 16)]]


def test_no_more_than_the_memory_holds() -> None:
    """Room for two of the largest, with the idle workers of each."""
    jobs = sized("criteo_dlrm", 64, 8, 16, 32, 128)
    each_bytes = needed_bytes(jobs[-1], WORKERS)
    assert [len(sizes) for sizes in found(jobs, int(2.5 * each_bytes / SHARE))] == [2, 2, 1]
    assert [len(sizes) for sizes in found(jobs, 1)] == [1] * 5


def test_beside_one_that_cannot_be_held_each_is_alone() -> None:
    """It fails by itself, and the others are profiled."""
    assert [len(sizes) for sizes in found(sized("criteo_dlrm", 8, 10**11, 16))] == [1, 1, 1]


def test_nor_more_than_a_few() -> None:
    jobs = sized("criteo_dlrm", *range(1, MOST_IN_TURN + 3))
    assert [len(sizes) for sizes in found(jobs)] == [MOST_IN_TURN, 2]
