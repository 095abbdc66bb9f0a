"""Programs that are added to a run of models, and a model that is added to a run of programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from asked_runs import Asking, added, profiled
from executed_workloads import execute, tiny
from program_jobs import STEPS, command, processes_of, program

from executor.journal.journal import NAME, Journal
from rmixer.data.prepare import prepare
from rmixer.scheduling.booking import Booking

LONG = 10**6


@pytest.mark.thorough
def test_programs_are_added_to_a_run_of_models(tmp_path: Path, rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")
    code, folder = tmp_path / "code", tmp_path / "run"
    good = program(code, "good", STEPS, "60", steps=60)
    open_ended = program(code, "open", STEPS, "40", steps=1000, steps_from="supposed")
    resumes = replace(
        program(code, "resumes", STEPS, "30", steps=30),
        resume=command(code, "resumes.py", "30", "--resume"),
    )
    bad = program(code, "bad", "raise ValueError('no such column')", steps=5)
    asking = Asking(
        folder,
        "endless",
        ("add", added(good, open_ended, resumes, bad)),
        ("cancel", "endless"),
    )
    run = execute(folder, [tiny("endless", steps=LONG)], observer=asking, admit=profiled)
    assert run.failure is None
    assert {job.id: (job.state, job.steps) for job in run.summary.jobs if job.late} == {
        "good": ("done", 60),
        "open": ("done", 40),
        "resumes": ("done", 30),
        "bad": ("failed", 0),
    }
    assert run.summary.job("bad").causes == ("exception",)
    # What the journal kept of them is what was added, so a run that is resumed knows them too.
    assert run.workload.jobs[1:] == tuple(
        replace(job, arrival_s=run.workload.jobs[1].arrival_s)
        for job in (good, open_ended, resumes, bad)
    )
    printed = (folder / "logs" / "good.log").read_text().splitlines()
    assert printed == [f"step {step}" for step in range(60)]
    assert not processes_of(tmp_path)


def test_a_program_is_added_to_a_run_without_one_that_was_cancelled_before(tmp_path: Path) -> None:
    code, folder = tmp_path / "code", tmp_path / "run"
    first = program(code, "first", STEPS, "400", steps=400)
    never = program(code, "never", STEPS, str(LONG), steps=LONG)
    extra = program(code, "extra", STEPS, "20", steps=20)
    asking = Asking(folder, "first", ("add", added(extra)))
    run = execute(folder, [first, never], observer=asking, admit=profiled, cancelled={"never"})
    assert run.failure is None
    assert {job.id: (job.state, job.steps, job.started) for job in run.summary.jobs} == {
        "first": ("done", 400, True),
        "never": ("cancelled", 0, False),
        "extra": ("done", 20, True),
    }


@pytest.mark.thorough
def test_a_model_is_added_to_a_run_of_programs(tmp_path: Path, rmixer_home: None) -> None:
    """No worker is warm yet: they start while the program goes on, and its steps are heard."""
    prepare("criteo_kaggle", "synthetic")
    folder = tmp_path / "run"
    long = program(tmp_path / "code", "long", STEPS, str(LONG), steps=LONG)

    class Following(Asking):
        """Cancels the program when the model has ended."""

        def __init__(self) -> None:
            super().__init__(folder, "long", ("add", added(tiny("model"))))
            self.heard: list[tuple[str, str]] = []

        def progress(self, job: str, steps: int) -> None:
            super().progress(job, steps)
            self.heard.append((job, "steps"))

        def started(self, booking: Booking, steps: int) -> None:
            self.heard.append((booking.job, "started"))

        def phase(self, job: str, phase: str) -> None:
            self.heard.append((job, phase))

        def ended(self, job: str, state: str, error: str | None) -> None:
            super().ended(job, state, error)
            if job == "model":
                with Journal(folder / NAME) as journal:
                    journal.ask("cancel", "long")

    following = Following()
    run = execute(folder, [long], observer=following, admit=profiled)
    assert run.failure is None
    assert {job.id: job.state for job in run.summary.jobs} == {"long": "cancelled", "model": "done"}
    warming = following.heard[
        following.heard.index(("model", "started")) : following.heard.index(("model", "build"))
    ]
    # Were it held up, they would all be heard at once.
    assert warming.count(("long", "steps")) >= 3
    assert not processes_of(tmp_path)
