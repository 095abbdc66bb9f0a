"""A run that is asked something while it goes on: jobs are cancelled, jobs are added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from asked_runs import Asking, added, profiled
from executed_workloads import execute, profile_of, this_machine, tiny

from executor.journal.journal import NAME, Journal
from executor.journal.transitions import Transition
from executor.overview.journal_view import view_of
from executor.records.known_job import written
from executor.records.supervising_process import SupervisingProcess
from executor.supervision.execution import ExecutedRun, Execution
from rmixer.data.prepare import prepare
from rmixer.files.typed_files import plain
from rmixer.policies.baselines.planned import Planned
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Layout, even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.schedule import Schedule, ScheduledJob, Settings
from rmixer.workload.workload import Workload

LONG = 10**6
LAYOUT = even_layout(this_machine(), 2, 1)


@pytest.fixture(autouse=True, scope="module")
def data(rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")


def schedule(*rows: tuple[str, int], layout: Layout = LAYOUT) -> Schedule:
    dispatches = tuple(
        ScheduledJob(order, 0, job, ("cpu:0",), slot, 1, "device", "process")
        for order, (job, slot) in enumerate(rows)
    )
    return Schedule("", "made-up", "dySequ", Settings(0, layout), dispatches)


def states(run: ExecutedRun) -> dict[str, str]:
    return {job.id: job.state for job in run.summary.jobs}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, data: None) -> tuple[ExecutedRun, Asking, Path]:
    """A schedule of endless jobs, of which nothing is left but what was added, and ``last``."""
    folder = tmp_path_factory.mktemp("asked")
    jobs = [
        tiny("endless", steps=LONG),
        tiny("other", steps=LONG, seed=1),
        tiny("waits", steps=LONG, seed=2),
        tiny("comes", arrival_s=LONG, seed=3),
        tiny("last", seed=4),
    ]
    plan = schedule(("endless", 0), ("other", 1), ("waits", 0), ("comes", 0), ("last", 0))
    asking = Asking(
        folder,
        "endless",
        ("cancel", "waits"),
        ("cancel", "comes"),
        ("cancel", "nobody"),
        ("add", added(tiny("extra", seed=5), tiny("later", seed=6, arrival_s=0.5))),
        ("add", added(tiny("last"))),
        ("add", added(tiny("huge"))),
        ("cancel", "endless"),
        ("cancel", "endless"),
        ("cancel", "other"),
    )
    run = execute(folder, jobs, Planned(plan), LAYOUT, asking, admit=profiled)
    return run, asking, folder


def test_the_plan_goes_on_without_the_cancelled_and_takes_the_added(
    asked: tuple[ExecutedRun, Asking, Path],
) -> None:
    run, _, folder = asked
    assert states(run) == {
        "endless": "cancelled",
        "other": "cancelled",
        "waits": "cancelled",
        "comes": "cancelled",
        "last": "done",
        "extra": "done",
        "later": "done",
    }
    assert run.failure is None
    assert not run.interrupted
    never = [job.id for job in run.summary.jobs if not job.started]
    assert never == ["waits", "comes"]
    assert run.summary.job("endless").steps > 10
    assert [job.id for job in run.summary.jobs if job.late] == ["extra", "later"]
    assert [job.id for job in run.workload.jobs[5:]] == ["extra", "later"]
    # Slot 0 is claimed by the schedule to its end; slot 1 is free when other has stopped.
    assert {run.summary.job(name).slot for name in ("extra", "later")} <= {0, 1}
    assert run.summary.job("last").slot == 0
    saved = sorted(path.stem for path in (folder / "models").glob("*.pt"))
    assert saved == ["extra", "last", "later"]
    assert not list((folder / "checkpoints").glob("*"))


def test_everybody_is_answered(asked: tuple[ExecutedRun, Asking, Path]) -> None:
    _, asking, _ = asked
    answers = asking.answers()
    assert [answer.refused for answer in answers if answer is not None] == [
        *(False, False, True, False, True, True, False, True, False)
    ]
    texts = [answer.text for answer in answers if answer is not None]
    assert texts[0] == "waits is cancelled: it will not start"
    assert "'nobody'; allowed: a job of the run" in texts[2]
    assert texts[3] == "added extra, later"
    assert "found 'last', a job of the run" in texts[4]
    assert "found 9 TiB" in texts[5]
    assert texts[6].startswith("endless is cancelled: it stops at its next step, after ")
    assert "cancelled already" in texts[7]
    ended = dict(asking.ended_jobs)
    assert ended["endless"] == ended["waits"] == "cancelled"


def test_a_job_that_is_added_arrives_as_long_after_that_as_it_says(
    asked: tuple[ExecutedRun, Asking, Path],
) -> None:
    run, _, folder = asked
    with Journal(folder / NAME) as journal:
        (taken_in,) = [t for t in journal.transitions() if t.kind == "added" and t.detail["late"]]
    (first_s,) = {row.end_s for row in run.timeline.select(kind="queued", job="endless")}
    arrival_s = run.summary.job("later").arrival_s
    assert arrival_s is not None
    assert arrival_s + first_s == pytest.approx(taken_in.at_s + 0.5, abs=1e-3)


def test_who_looks_sees_how_it_ended(asked: tuple[ExecutedRun, Asking, Path]) -> None:
    _, _, folder = asked
    view = view_of(folder)
    assert view is not None
    assert view.state == "done"
    assert view.counts == {"done": 3, "cancelled": 4}
    assert {job.id: job.made for job in view.jobs}["last"] == 6


@pytest.mark.thorough
def test_what_is_asked_of_a_run_that_stands_still_is_done_when_it_goes_on(tmp_path: Path) -> None:
    """Its supervisor was killed before a cancelled job had stopped: its journal, by hand. That job
    does not run again, and blocks no slot."""
    one = even_layout(this_machine(), 1, 1)
    jobs = [tiny(name, steps=LONG) for name in ("endless", "waits")] + [tiny("next", seed=1)]
    plan = schedule(("endless", 0), ("waits", 0), ("next", 0), layout=one)
    profiles = {job.identity.key: profile_of(job) for job in jobs}
    problem = problem_of(Workload("tiny", 0, tuple(jobs)), this_machine(), profiles)
    execution = Execution(problem, Planned(plan), one, tmp_path)
    booking = Booking(0, "endless", ("cpu:0",), 0, (0,), "device", "", 1, 1)
    gone = plain(replace(SupervisingProcess.this(), start=1))
    with Journal(tmp_path / NAME) as journal:
        journal.write(
            [
                Transition("opened", 0.0, detail={"process": gone, "plan": plain(execution.plan)}),
                Transition("added", 0.0, detail=written(problem.jobs, late=False)),
                *(Transition("submitted", 0.0, job.id) for job in jobs),
                Transition("dispatched", 0.0, "endless", 1, {"booking": plain(booking)}),
                Transition("cancelled", 0.5, "endless", 1),
            ]
        )
        asked = [journal.ask("cancel", "waits"), journal.ask("cancel", "endless")]
        asked.append(journal.ask("add", added(tiny("extra", seed=2))))
    view = view_of(tmp_path)
    assert view is not None
    assert view.state == "stopped"
    run = execute(tmp_path, jobs, Planned(plan), one, admit=profiled)
    found = {"endless": "cancelled", "waits": "cancelled", "next": "done", "extra": "done"}
    assert states(run) == found
    assert run.summary.job("endless").attempt == 1
    with Journal(tmp_path / NAME) as journal:
        answers = [journal.answer_to(number) for number in asked]
    assert [answer.refused for answer in answers if answer is not None] == [False, True, False]
    # The journal alone knows what was added; nothing is left to do.
    assert states(execute(tmp_path, jobs, Planned(plan), one, admit=profiled)) == found
