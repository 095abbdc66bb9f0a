"""In which order workers are asked: parts of a model's sizes there and back, places in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from profiles.profiler import profile_jobs as profiler
from profiles.profiler.crew import GPU
from rmixer.testing.made_up import make_machine
from rmixer.workload.workload import Job, job_of

JOBS = [replace(job_of("criteo_dlrm"), batch=batch) for batch in (1, 2, 3, 4, 5)]
PARTS = ((JOBS[0], JOBS[1]), (JOBS[2], JOBS[3]), (JOBS[4],))


class _Crew:
    """One CPU thread, and the GPU where there is one."""

    workers = 2
    bubbles = SimpleNamespace(taken=dict)

    def __init__(self, machine: Any, threads: Sequence[int]) -> None:
        self.places = [("cpu", 1), *((GPU, 1) for _ in machine.gpus)]

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @contextlib.contextmanager
    def fresh(self, left: int) -> Iterator[int]:
        yield left


def asked(monkeypatch: pytest.MonkeyPatch, gpus: int, unfit: int | None = None) -> list[str]:
    """What workers are asked, letter by letter: ``r`` they are made ready, ``d`` they are done."""
    told: list[str] = []

    class Subject:
        def __init__(self, job: Job, left: int, *_: object) -> None:
            assert left == len(JOBS) - JOBS.index(job)
            self.job = job

        def goes_on(self, device: str) -> bool:
            return device == "cpu" or self.job.batch != unfit

        def ready(self, place: tuple[str, int], number: int) -> object:
            told.append(f"r{self.job.batch}")
            return SimpleNamespace(of=self.job.batch)

        def done(self, place: tuple[str, int], number: int, rounds: Any) -> None:
            assert rounds.of == self.job.batch
            told.append(f"d{self.job.batch}")

        def result(self) -> int:
            return self.job.batch

    monkeypatch.setattr(profiler, "Crew", _Crew)
    monkeypatch.setattr(profiler, "Subject", Subject)
    monkeypatch.setattr(profiler, "sizes_together", lambda *_: iter([PARTS]))
    monkeypatch.setattr(profiler, "measure_in_turn", lambda rounds: told.append("|"))
    monkeypatch.setattr(profiler, "check_gpus", lambda machine: None)
    found = list(profiler.profile_jobs(JOBS, make_machine(gpus=gpus), (1,), report=told.append))
    assert found == [1, 2, 3, 4, 5]
    return told


def test_second_workers_are_asked_in_the_opposite_order(monkeypatch: pytest.MonkeyPatch) -> None:
    said, *rest = asked(monkeypatch, gpus=0)
    assert said == "criteo_dlrm, batch 1, 2, 3, 4, 5, 1 thread(s)"
    there = "r1 r2 | d1 d2 r3 r4 | d3 d4 r5 | d5"
    back = "r5 | d5 r3 r4 | d3 d4 r1 r2 | d1 d2"
    assert rest == f"{there} {back}".split()


def test_programs_that_have_the_cores_are_told_before_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Crew, "bubbles", SimpleNamespace(taken=lambda: {1: 0.5}))
    said, *_ = asked(monkeypatch, gpus=0)
    assert said.startswith("other programs have 50% of core 1: ")


def test_on_a_gpu_each_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not fit there is left out."""
    told = asked(monkeypatch, gpus=1, unfit=2)
    begin = told.index("criteo_dlrm, batch 1, 3, 4, 5, 1 thread(s), on the GPU")
    one_by_one = [f"r{batch} | d{batch}" for batch in (1, 3, 4, 5, 5, 4, 3, 1)]
    assert told[begin + 1 :] == " ".join(one_by_one).split()
