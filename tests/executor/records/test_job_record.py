"""The timeline that records make, by hand."""

from __future__ import annotations

import dataclasses
import itertools
from array import array
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import pytest

from executor.records.job_record import JobRecord, summary_of, timeline_of
from rmixer.scheduling.booking import Booking
from rmixer.testing.made_up import make_job


def record(
    name: str,
    phases: Sequence[tuple[str, float]],
    step_ends_s: Sequence[float],
    end_s: float,
    start_s: float = 0.0,
    state: Literal["done", "failed", "interrupted"] = "done",
) -> JobRecord:
    """What was seen of a job that was there from the start."""
    booking = Booking(0, name, ("cpu:0",), 0, (0,), "device", "", 1, 0)
    return JobRecord(
        make_job(name, batch=16),
        booking,
        start_s=start_s,
        predicted_bytes=77,
        phases=list(phases),
        step_ends_s=array("d", step_ends_s),
        end_s=end_s,
        state=state,
    )


WHOLE = dataclasses.replace(
    record(
        "whole",
        [("build", 1.0), ("warmup", 2.0), ("train", 3.0), ("evaluate", 7.0), ("save", 8.0)],
        [2.5, 4.0, 5.0, 7.0],
        end_s=8.5,
        start_s=0.5,
    ),
    job=make_job("whole", batch=16, arrival_s=0.25),
    queued_s=0.25,
)
"""It arrives at 0.25 s. One step of warm-up, then steps of 1, 1 and 2 seconds."""


def rows(*records: JobRecord, job: str) -> list[tuple[str, float, float, float]]:
    """Kind, start, end and steps of one job's rows."""
    timeline = timeline_of(records, "measured")
    return [(r.kind, r.start_s, r.end_s, r.steps) for r in timeline.select(job=job)]


def test_a_job_alone() -> None:
    assert rows(WHOLE, job="whole") == [
        ("queued", 0.25, 0.5, 0.0),
        ("build", 1.0, 2.0, 0.0),
        ("warmup", 2.0, 3.0, 1),
        ("train", 3.0, 7.0, 3.0),
        ("evaluate", 7.0, 8.0, 0.0),
        ("save", 8.0, 8.5, 0.0),
    ]


def test_a_train_phase_is_cut_where_others_change_phase_and_steps_by_their_share() -> None:
    """Cuts at 3.25 (a quarter of the first step), 5.5 (a quarter of the third) and, twice, 6."""
    other = record(
        "other",
        [("build", 0.5), ("warmup", 3.25), ("train", 5.5)],
        [],
        end_s=6.0,
        state="failed",
    )
    third = record("third", [("build", 6.0)], [], end_s=9.0, start_s=6.0)
    train = [row for row in rows(WHOLE, other, third, job="whole") if row[0] == "train"]
    assert train == [
        ("train", 3.0, 3.25, 0.25),
        ("train", 3.25, 5.5, 2.0),
        ("train", 5.5, 6.0, 0.25),
        ("train", 6.0, 7.0, 0.5),
    ]


def test_a_cut_at_the_end_of_a_step_leaves_no_fraction() -> None:
    other = record("other", [("build", 4.0)], [], end_s=20.0)
    train = [row for row in rows(WHOLE, other, job="whole") if row[0] == "train"]
    assert train == [("train", 3.0, 4.0, 1.0), ("train", 4.0, 7.0, 2.0)]


def test_cuts_anywhere_add_up_to_the_steps() -> None:
    """Against exact arithmetic, at a hundred cuts."""
    cuts = [3.0 + index * 0.037 for index in range(1, 101)]
    others = [
        record(f"other-{index}", [("build", at_s)], [], end_s=50.0)
        for index, at_s in enumerate(cuts)
    ]
    train = [row for row in rows(WHOLE, *others, job="whole") if row[0] == "train"]
    assert len(train) == 101
    edges = [(Fraction(3), 0), (Fraction(4), 1), (Fraction(5), 2), (Fraction(7), 3)]

    def until(at_s: float) -> Fraction:
        at = Fraction(at_s)
        for (left, steps), (right, _) in itertools.pairwise(edges):
            if at <= right:
                return steps + (at - left) / (right - left)
        return Fraction(3)

    for _, start_s, end_s, steps in train:
        assert steps == pytest.approx(float(until(end_s) - until(start_s)), abs=1e-12)
    assert sum(row[3] for row in train) == pytest.approx(3, abs=1e-12)


def test_an_interrupted_job_ends_where_it_was_ended() -> None:
    """Half a second after the last step that it reported."""
    cut = record(
        "cut",
        [("build", 0.0), ("warmup", 1.0), ("train", 2.0)],
        [1.5, 3.0, 4.0],
        end_s=4.5,
        state="interrupted",
    )
    assert rows(cut, job="cut")[-1] == ("train", 2.0, 4.5, 2.0)
    summary = summary_of([cut], first_s=0.0)
    assert (summary.state, summary.steps, summary.samples) == ("interrupted", 3, 48)
    assert summary.peak_bytes == 77


def test_a_job_that_never_began_has_only_waited() -> None:
    lost = record("lost", [], [], end_s=2.0, start_s=2.0, state="failed")
    assert rows(lost, job="lost") == [("queued", 0.0, 2.0, 0.0)]


def test_a_job_that_ended_in_its_warm_up() -> None:
    short = record("short", [("build", 0.0), ("warmup", 1.0), ("evaluate", 2.0)], [1.5], end_s=3.0)
    assert rows(short, job="short")[1] == ("warmup", 1.0, 2.0, 1)
    assert short.train_durations_s() == []
    assert summary_of([short], 0.0).step_ms_p50 is None


def test_the_summary_of_a_job() -> None:
    """Steps of 1, 1 and 2 seconds after the warm-up; times from the first dispatch on."""
    assert WHOLE.train_durations_s() == [1.0, 1.0, 2.0]
    answer = {"peak_bytes": 5, "first_loss": 0.7, "loss": 0.6, "quality": {"auc": 0.5}}
    summary = summary_of([dataclasses.replace(WHOLE, answer=answer)], first_s=0.125)
    assert (summary.start_s, summary.end_s) == (0.375, 8.375)
    assert summary.step_ms_p50 == 1000.0
    assert summary.step_ms_mean == pytest.approx(4000 / 3)
    assert summary.stall_s == 0
    assert (summary.steps, summary.samples, summary.peak_bytes) == (4, 64, 5)
    assert (summary.first_loss, summary.loss, summary.quality) == (0.7, 0.6, {"auc": 0.5})


@pytest.mark.parametrize(
    ("device", "answer", "peak_bytes"),
    [
        ("cpu:0", {"peak_bytes": 60}, 60),
        ("gpu:0", {"peak_bytes": 9000, "gpu_bytes": 60}, 60 + 8),
        ("gpu:0", {"peak_bytes": 9000}, 77),
        ("cpu:0", {}, 77),
    ],
)
def test_the_peak_is_of_its_device(device: str, answer: dict[str, int], peak_bytes: int) -> None:
    """On a GPU what torch took and the driver's context; what is predicted, if nobody measured."""
    job = record("a", [("build", 0.0)], [], end_s=1.0)
    booking = dataclasses.replace(job.booking, devices=(device,))
    job = dataclasses.replace(job, booking=booking, answer=answer, context_bytes=8)
    assert summary_of([job], 0.0).peak_bytes == peak_bytes
