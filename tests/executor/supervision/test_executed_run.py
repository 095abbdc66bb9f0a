"""A real run of a small queue: every job once, and a record that adds up."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from executed_workloads import MIB, execute, tiny

from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.run_record.timeline import Interval
from rmixer.scheduling.booking import Booking
from rmixer.training.step import TrainingStep

ARRIVAL_S = 1.0
PHASES = ["build", "warmup", "train", "evaluate", "save"]


class Diary(Observer):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def warming(self, workers: int) -> None:
        self.heard.append(("warming", workers))

    def started(self, booking: Booking, steps: int) -> None:
        self.heard.append(("started", booking.job, steps))

    def phase(self, job: str, phase: str) -> None:
        self.heard.append(("phase", job, phase))

    def progress(self, job: str, steps: int) -> None:
        self.heard.append(("progress", job, steps))

    def ended(self, job: str, state: str, error: str | None) -> None:
        self.heard.append(("ended", job, state, error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rmixer_home: None) -> Path:
    for dataset in ("criteo_kaggle", "amazon_electronics"):
        prepare(dataset, "synthetic")
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def diary() -> Diary:
    return Diary()


@pytest.fixture(scope="module")
def run(folder: Path, diary: Diary) -> ExecutedRun:
    """Six jobs on two slots: one is over after a single step, the data of one have vanished, and
    one arrives late."""
    jobs = [
        tiny("dlrm"),
        tiny("deepfm", "criteo_deepfm"),
        tiny("din", "amazon_din"),
        tiny("short", steps=1),
        tiny("broken", data=str(folder / "vanished.tsv")),
        tiny("late", "amazon_din", arrival_s=ARRIVAL_S, seed=5),
    ]
    children = set(psutil.Process().children(recursive=True))
    executed = execute(folder, jobs, observer=diary)
    assert set(psutil.Process().children(recursive=True)) <= children
    return executed


@pytest.fixture(scope="module")
def first_s(run: ExecutedRun) -> float:
    """When the first job was started: the summary counts from there, the timeline from the
    moment at which the workers were warm."""
    return min(row.end_s for row in run.timeline.select(kind="queued"))


def rows_of(run: ExecutedRun, job: str) -> list[Interval]:
    return [row for row in run.timeline if row.job == job]


def test_every_job_is_done_once_and_one_failure_stops_no_other(run: ExecutedRun) -> None:
    states = {job.id: job.state for job in run.summary.jobs}
    assert states.pop("broken") == "failed"
    assert set(states.values()) == {"done"}
    assert {job.attempt for job in run.summary.jobs} == {1}
    assert sorted(booking.job for booking in run.bookings) == sorted((*states, "broken"))
    assert [booking.order for booking in run.bookings] == list(range(6))
    assert not run.interrupted
    assert run.failure is None


def test_a_failed_job_says_why_and_keeps_its_traceback(run: ExecutedRun, folder: Path) -> None:
    error = run.summary.job("broken").error
    assert error is not None
    assert error.startswith("InputError: ")
    assert "vanished.tsv" in error
    text = (folder / "failures" / "broken.txt").read_text()
    assert text.startswith("Traceback")
    assert error in text
    assert [path.name for path in folder.glob("failures/*")] == ["broken.txt"]


def test_what_was_trained_is_saved(run: ExecutedRun, folder: Path) -> None:
    saved = sorted(path.name for path in folder.glob("models/*"))
    assert saved == ["deepfm.pt", "din.pt", "dlrm.pt", "late.pt", "short.pt"]
    weights = torch.load(folder / "models" / "dlrm.pt", weights_only=True)
    assert set(weights) == set(TrainingStep(tiny("dlrm")).state_dict())


def test_phases_follow_each_other_without_a_gap(run: ExecutedRun) -> None:
    for job, expected in (
        ("dlrm", PHASES),
        ("late", PHASES),
        ("short", ["build", "warmup", "evaluate", "save"]),
        ("broken", ["build"]),
    ):
        rows = [row for row in rows_of(run, job) if row.kind != "queued"]
        kinds = [kind for kind, _ in itertools.groupby(row.kind for row in rows)]
        assert kinds == expected
        for before, after in itertools.pairwise(rows):
            assert after.start_s == pytest.approx(before.end_s, abs=1e-9)
        assert all(row.duration_s >= 0 for row in rows)


def test_a_slot_holds_one_job_at_a_time(run: ExecutedRun) -> None:
    for slot in (0, 1):
        rows = [row for row in run.timeline if row.slot == slot and row.kind != "queued"]
        spans = sorted(
            (min(r.start_s for r in group), max(r.end_s for r in group))
            for group in ([r for r in rows if r.job == job] for job in {r.job for r in rows})
        )
        assert len(spans) >= 2
        for (_, end_s), (start_s, _) in itertools.pairwise(spans):
            assert start_s >= end_s - 1e-3  # each worker's clock is settled to well under this


def test_steps_add_up(run: ExecutedRun) -> None:
    for job in run.summary.jobs:
        steps = 0 if job.state == "failed" else 1 if job.id == "short" else 6
        assert job.steps == len(run.step_ends_s[job.id]) == steps
        assert job.samples == steps * 16
        assert sum(row.steps for row in rows_of(run, job.id)) == pytest.approx(steps, abs=1e-9)


def test_a_train_phase_is_cut_where_the_company_changes(run: ExecutedRun) -> None:
    changes = [row.start_s for row in run.timeline if row.kind != "queued"]
    for row in run.timeline.select(kind="train"):
        inside = [at for at in changes if row.start_s + 1e-9 < at < row.end_s - 1e-9]
        assert not inside


def test_a_job_waits_from_its_arrival_to_its_start(run: ExecutedRun, first_s: float) -> None:
    assert first_s < ARRIVAL_S
    for name, arrival_s in (("late", ARRIVAL_S), ("short", 0.0), ("dlrm", 0.0)):
        (waited,) = run.timeline.select(kind="queued", job=name)
        assert waited.start_s == arrival_s
        assert waited.end_s == pytest.approx(run.summary.job(name).start_s + first_s)
        assert all(row.start_s >= waited.end_s - 1e-3 for row in rows_of(run, name)[1:])


def test_waiting_and_completion_count_from_arrival(run: ExecutedRun, first_s: float) -> None:
    """All six jobs wait as the timeline says; completion is of the five that were done."""
    waits = {row.job: row.duration_s for row in run.timeline.select(kind="queued")}
    assert {job.id: job.waiting_s for job in run.summary.jobs} == pytest.approx(waits)
    late = run.summary.job("late")
    assert late.arrival_s == pytest.approx(ARRIVAL_S - first_s)
    done = [job for job in run.summary.jobs if job.state == "done"]
    took = [job.end_s + first_s - (ARRIVAL_S if job is late else 0.0) for job in done]
    assert run.summary.waiting_mean_s == pytest.approx(sum(waits.values()) / 6)
    assert run.summary.waiting_p95_s == pytest.approx(np.quantile(list(waits.values()), 0.95))
    assert run.summary.completion_mean_s == pytest.approx(sum(took) / 5)
    assert run.summary.completion_p95_s == pytest.approx(np.quantile(took, 0.95))


def test_the_summary_agrees_with_the_timeline(run: ExecutedRun, first_s: float) -> None:
    makespan_s = run.timeline.makespan_s - first_s
    assert run.summary.makespan_s == pytest.approx(makespan_s, abs=1e-9)
    samples = sum(job.samples for job in run.summary.jobs)
    assert run.summary.samples_per_s == pytest.approx(samples / run.summary.makespan_s)
    for job in run.summary.jobs:
        rows = rows_of(run, job.id)
        assert job.end_s + first_s == pytest.approx(rows[-1].end_s, abs=1e-9)
        assert {(row.device, row.slot) for row in rows} == {(job.device, job.slot)}
    dlrm = run.summary.job("dlrm")
    train = run.timeline.select(kind="train", job="dlrm")
    ends = [train[0].start_s, *run.step_ends_s["dlrm"][3:]]
    assert dlrm.step_ms_p50 == pytest.approx(np.median(np.diff(ends)) * 1e3)
    assert run.summary.job("short").step_ms_p50 is None


def test_losses_and_memory_are_those_of_the_workers(run: ExecutedRun) -> None:
    for job in run.summary.jobs:
        if job.state == "done":
            assert job.first_loss is not None
            assert job.loss is not None
            assert math.isfinite(job.first_loss + job.loss)
            assert 100 * MIB < job.peak_bytes < 4096 * MIB
    peaks = [job.peak_bytes for job in run.summary.jobs]  # of the one that failed its profile's
    (device,) = run.summary.devices
    assert max(peaks) < device.peak_bytes <= 2 * max(peaks)
    assert 0 < device.busy_fraction < 1.5


def test_somebody_who_watches_hears_it_in_order(run: ExecutedRun, diary: Diary) -> None:
    assert diary.heard[0] == ("warming", 2)
    heard = [event for event in diary.heard if event[1] == "dlrm"]
    assert heard[0] == ("started", "dlrm", 6)
    assert [event[2] for event in heard if event[0] == "phase"] == PHASES
    assert [event[2] for event in heard if event[0] == "progress"][-1] == 6
    assert heard[-1] == ("ended", "dlrm", "done", None)
