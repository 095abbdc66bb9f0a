"""A queue of models to be profiled, of which one fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.stages.profiling import Part, ProfilingPlan, plan_profiling, profile_missing
from profiles.measurements.rounds import Plan
from profiles.profiler import profile_jobs as profiler
from profiles.stored.store import Store
from rmixer.errors import InputError, RunFailed
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_job, make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload import Job, Workload


def test_those_after_it_are_profiled_and_kept_and_the_call_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path))
    first, second = (make_job(name, batch=batch) for name, batch in (("a", 16), ("b", 32)))
    made = make_profile("criteo_dlrm", None, [make_operator(8_000.0)], batch=32)

    def profile_jobs(jobs: Sequence[Job], *_: Any) -> Iterator[ModelProfile | RunFailed]:
        assert list(jobs) == [first, second]
        yield RunFailed("worker 7 was killed by SIGKILL")
        yield made

    monkeypatch.setattr(profiler, "profile_jobs", profile_jobs)
    store, said, seen = Store(), [], []
    with pytest.raises(RunFailed, match=r"^not profiled: a \(of 2\)"):
        profile_missing(
            ProfilingPlan([Part(first, (1,)), Part(second, (1,))], 1.0),
            make_machine(),
            store,
            said.append,
            lambda done, total: seen.append((done, total)),
        )
    assert said == ["a: worker 7 was killed by SIGKILL"]
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert [profile.key for profile in store.profiles("made-up")] == [made.key]


def test_only_the_counts_of_threads_that_are_missing_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job is known with one thread, one not at all, one wholly; those alike are measured
    together, in their order."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path))
    machine, store = make_machine(cores=2), Store()
    here = take_fingerprint(machine.fingerprint.hardware)
    jobs = [make_job(f"j{batch}", batch=batch) for batch in (16, 32, 64, 128)]
    workload = Workload("profile", 0, tuple(jobs))
    for job, threads in ((jobs[0], 1), (jobs[3], 1), (jobs[3], 2)):
        steps, operators = [make_step(threads=threads)], [make_operator(8_000.0, threads=threads)]
        made = make_profile("criteo_dlrm", steps, operators, batch=job.batch)
        store.save(replace(made, machine=machine.name, fingerprint=here))
    plan = Plan(neighbours=False)
    needed = plan_profiling(workload, machine, store, (1, 2), plan)
    assert needed.parts == [(jobs[0], (2,)), (jobs[1], (1, 2)), (jobs[2], (1, 2))]
    again = plan_profiling(workload, machine, store, (1, 2), plan, again=True)
    assert again.parts == [(job, (1, 2)) for job in jobs]
    (known,) = (p for p in store.profiles(machine.name) if p.identity.batch == 16)
    store.save(replace(known, fingerprint=replace(here, torch="1.0")))
    assert plan_profiling(workload, machine, store, (1, 2), plan).parts[0] == (jobs[0], (1, 2))
    for summary in store.own.rglob("summary.json"):
        summary.write_text("{")
    with pytest.raises(InputError, match=r"truncated.*: remove .* and profile it again$"):
        plan_profiling(workload, machine, store, (1, 2), plan)
    assert plan_profiling(workload, machine, store, (1, 2), plan, again=True) == again
    assert again.seconds == pytest.approx(8 / 5 * needed.seconds)
    asked: list[tuple[list[int], tuple[int, ...]]] = []

    def profile_jobs(
        jobs: Sequence[Job], machine: Any, threads: tuple[int, ...], *_: Any
    ) -> Iterator[RunFailed]:
        asked.append(([job.batch for job in jobs], threads))
        return (RunFailed("not today") for _ in jobs)

    monkeypatch.setattr(profiler, "profile_jobs", profile_jobs)
    with pytest.raises(RunFailed, match=r"j16, j32, j64 \(of 3\)"):
        profile_missing(needed, machine, store, lambda words: None)
    assert asked == [([16], (2,)), ([32, 64], (1, 2))]
