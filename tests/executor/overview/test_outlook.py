"""When a run will be over, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up_records import (
    AFTER_S,
    BEFORE_S,
    STEP_S,
    STEPS,
    WARM,
    WHOLE_S,
    MadeUp,
    jobs,
    schedule,
)

from executor.overview.outlook import ends_s
from executor.overview.run_view import run_view
from rmixer.run_record.run_summary import RunSummary, never_started

LEFT = STEPS - WARM


def test_before_anything_runs_it_is_the_plan() -> None:
    made = MadeUp(jobs("a", "b", "c"), schedule(("a", 0), ("b", 1), ("c", 1)))
    found = ends_s(made.records, 5.0)
    assert found == pytest.approx({"a": 5 + WHOLE_S, "b": 5 + WHOLE_S, "c": 5 + 2 * WHOLE_S})


def test_a_job_goes_on_at_its_own_pace_and_those_that_wait_at_that_of_all() -> None:
    """a makes its steps in 20 ms and b in 10 ms instead of 10: of c, which follows b, each step
    takes 1.5 times as long, for a and b made as many."""
    made = MadeUp(jobs("a", "b", "c"), schedule(("a", 0), ("b", 1), ("c", 1)))
    made.starts("a", 0, 0.0)
    made.starts("b", 1, 0.0)
    made.trains("a", BEFORE_S, 200, 2 * STEP_S)
    made.trains("b", BEFORE_S, 200, STEP_S)
    now_s = BEFORE_S + 200 * 2 * STEP_S  # b's last step was 2 s ago
    found = ends_s(made.records, now_s)
    b_s = now_s + (LEFT - 200) * STEP_S - 200 * STEP_S + AFTER_S
    assert found == pytest.approx(
        {
            "a": now_s + (LEFT - 200) * 2 * STEP_S + AFTER_S,
            "b": b_s,
            "c": b_s + BEFORE_S + LEFT * 1.5 * STEP_S + AFTER_S,
        }
    )


def test_a_job_that_builds_has_its_training_before_it() -> None:
    made = MadeUp(jobs("a"), schedule(("a", 0)))
    made.starts("a", 0, 10.0)
    assert ends_s(made.records, 10.5) == pytest.approx({"a": 10 + WHOLE_S})


def test_a_job_that_is_evaluated_is_all_but_done() -> None:
    made = MadeUp(jobs("a"), schedule(("a", 0)))
    made.starts("a", 0, 0.0)
    end_s = made.trains("a", BEFORE_S, LEFT, STEP_S)
    made.happens("phase", end_s, "a", phase="evaluate")
    made.happens("phase", end_s + 0.1, "a", phase="save")
    assert ends_s(made.records, end_s + 0.25) == pytest.approx({"a": end_s + AFTER_S})


def test_a_slow_company_that_was_predicted_is_no_delay() -> None:
    """The step times of the prediction count, not those alone."""
    line = replace(never_started("a", "criteo_dlrm", "queued"), step_ms_mean=30.0)
    predicted = RunSummary(
        "predicted", "made-up", "made-up", "modelled", "dySequ", 33.0, 0.0, 0.0, (line,), ()
    )
    made = MadeUp(jobs("a"), None, predicted)
    made.starts("a", 0, 0.0)
    end_s = made.trains("a", BEFORE_S, 100, 0.030)
    assert ends_s(made.records, end_s) == pytest.approx(
        {"a": end_s + (LEFT - 100) * 0.030 + AFTER_S}
    )


def test_a_job_that_arrives_later_and_one_that_is_tried_again_wait_for_it() -> None:
    late = replace(*jobs("late"), arrival_s=100.0)
    made = MadeUp([*jobs("a"), late])
    made.starts("a", 0, 0.0)
    made.happens("failed", 5.0, "a", cause="hang", reason="", text="", again_s=21.0, peaks={})
    found = ends_s(made.records, 6.0)
    assert found == pytest.approx({"a": 21 + WHOLE_S, "late": 100 + WHOLE_S})


def test_a_job_that_is_tried_again_goes_on_from_its_checkpoint() -> None:
    made = MadeUp(jobs("a"))
    made.starts("a", 0, 0.0)
    at_s = made.trains("a", BEFORE_S, 500, STEP_S)
    made.happens("checkpointed", at_s, "a", steps=400, took_s=0.1)
    made.happens("failed", at_s, "a", cause="hang", reason="", text="", again_s=None, peaks={})
    made.happens("requeued", at_s, "a")
    left_s = BEFORE_S + (STEPS - 400) * STEP_S + AFTER_S
    assert ends_s(made.records, at_s) == pytest.approx({"a": at_s + left_s})


def test_what_has_ended_and_what_is_cancelled_leave_their_slots_to_the_rest() -> None:
    made = MadeUp(jobs("a", "b", "c"), schedule(("a", 0), ("b", 0), ("c", 0)))
    made.starts("a", 0, 0.0)
    made.happens("ended", 30.0, "a", state="done", answer={})
    made.happens("cancelled", 30.0, "b")
    view = run_view(made.records, 30.0, "running")
    assert view.ends_in_s == pytest.approx(WHOLE_S)
    assert view.counts == {"done": 1, "cancelled": 1, "queued": 1}


def test_of_a_run_that_stands_still_no_end_is_told() -> None:
    assert run_view(MadeUp(jobs("a")).records, 5.0, "interrupted").ends_in_s is None


def test_of_a_job_whose_steps_nobody_knows_no_end_is_told_nor_of_what_follows_it() -> None:
    """b, in the other slot, has one all the same."""
    open_end = replace(*jobs("a"), steps_from="supposed")
    made = MadeUp([open_end, *jobs("b", "c")], schedule(("a", 0), ("b", 1), ("c", 0)))
    assert ends_s(made.records, 0.0) == pytest.approx({"b": WHOLE_S})
    view = run_view(made.records, 0.0, "running")
    assert view.ends_in_s is None
    assert view.jobs[0].steps is None
