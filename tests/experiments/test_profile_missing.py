"""A queue of models to be profiled, of which one fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments import inputs
from experiments.inputs import ProfilingPlan, profile_missing
from profiles.store import Store
from rmixer.errors import RunFailed
from rmixer.profile import ModelProfile
from rmixer.workload import Job
from sim.made_up import make_job, make_machine, make_operator, make_profile


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

    monkeypatch.setattr(inputs, "profile_jobs", profile_jobs)
    store, said, seen = Store(), [], []
    with pytest.raises(RunFailed, match=r"^not profiled: a \(of 2\)"):
        profile_missing(
            ProfilingPlan([first, second], (1,), 1.0),
            make_machine(),
            store,
            said.append,
            lambda done, total: seen.append((done, total)),
        )
    assert said == ["a: worker 7 was killed by SIGKILL"]
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert [profile.key for profile in store.profiles("made-up")] == [made.key]
