"""Device work that no row holds: its share, by hand, and what is done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gpu_trace import event, write_trace

from profiles.traces.imported import Wanted, import_trace
from profiles.traces.left_out import warnings_of
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile

Event = dict[str, Any]
STEPS, STEP_US = 3, 1000.0
LAUNCHED_BY, THREAD = "aten::index", 99


def steps(held: float, missed: float, launched: bool = True) -> list[Event]:
    """Steps in each of which the GPU works ``held`` us on ``mm`` and ``missed`` on what another
    thread launched, or nobody."""
    events: list[Event] = []
    for at in range(STEPS):
        begin, number = STEP_US * at, 10 * at
        events += [
            event(f"ProfilerStep#{at}", "user_annotation", begin, begin + STEP_US),
            *work(begin + 10.0, begin + 100.0, held, "gemm", number + 1),
        ]
        if missed and launched:
            events += work(begin + 20.0, begin + 500.0, missed, "gather", number + 2, THREAD)
        elif missed:
            begin += 500.0
            events.append(event("gather", "kernel", begin, begin + missed, correlation=number + 2))
    return events


def work(
    call: float, start: float, lasts: float, kernel: str, number: int, tid: int = 11
) -> list[Event]:
    """An operator of 8 us that launches a kernel."""
    name = "aten::mm" if kernel == "gemm" else LAUNCHED_BY
    return [
        event(name, "cpu_op", call, call + 8.0, tid),
        event("cudaLaunchKernel", "cuda_runtime", call + 1.0, call + 4.0, tid, correlation=number),
        event(kernel, "kernel", start, start + lasts, correlation=number),
    ]


def imported(tmp_path: Path, events: list[Event], partial: bool = False) -> ImportedProfile:
    return import_trace(write_trace(tmp_path / "t.json", events), "t", Wanted(partial=partial))


@pytest.mark.parametrize("launched", [True, False])
@pytest.mark.parametrize(
    ("held", "missed", "share", "warned"),
    [
        (100.0, 0.0, 0.0, False),
        (97.0, 3.0, 0.03, False),
        (95.0, 5.0, 0.05, False),
        (90.0, 10.0, 0.10, True),
        (80.0, 20.0, 0.20, True),
    ],
)
def test_the_share_of_device_work_that_is_left_out(
    tmp_path: Path, held: float, missed: float, share: float, warned: bool, launched: bool
) -> None:
    """Beyond 5% a warning says what it is; up to 20% it is imported all the same."""
    found = imported(tmp_path, steps(held, missed, launched))
    assert found.left_out_share == share
    assert found.unclaimed_us == pytest.approx(missed)
    assert found.left_out == ({"gather": pytest.approx(missed)} if missed else {})
    warnings = [text for text in warnings_of(found) if "device's work" in text]
    assert bool(warnings) == warned
    if warned:
        expected = f"t: {share:.1%} of the device's work, {missed / 1e3:.3f} ms a step (gather "
        assert warnings[0].startswith(expected)
    assert imported(tmp_path, steps(held, missed, launched), partial=True) == found


@pytest.mark.parametrize("launched", [True, False])
def test_too_much_is_refused_unless_a_part_will_do(tmp_path: Path, launched: bool) -> None:
    events = steps(70.0, 30.0, launched)
    with pytest.raises(InputError) as error:
        imported(tmp_path, events)
    assert str(error.value) == (
        f"{tmp_path / 't.json'}: traceEvents: found 30.0% of the device's work, 0.030 ms a step "
        "(gather 0.030 ms) that no row would hold; allowed: at most 20% left out, or `--partial` "
        "to import the rest all the same"
    )
    found = imported(tmp_path, events, partial=True)
    assert (found.left_out_share, found.unclaimed_us) == (0.3, pytest.approx(30))
    (row,) = found.operators
    assert (row.mean_us, found.steps_used) == (70, STEPS)


def test_only_the_steps_that_are_used_count(tmp_path: Path) -> None:
    """What another thread launched before, after, and in a step that does other things."""
    events = steps(100.0, 0.0)
    other = STEP_US * STEPS
    events += [
        event("ProfilerStep#9", "user_annotation", other, other + STEP_US),
        event("aten::topk", "cpu_op", other + 10.0, other + 20.0),
    ]
    for number, begin in enumerate((other + 500.0, other + 1500.0)):
        events += work(begin, begin + 20.0, 400.0, "gather", 90 + number, THREAD)
    found = imported(tmp_path, events)
    assert (found.steps_found, found.steps_used) == (STEPS + 1, STEPS)
    assert (found.unclaimed_us, found.left_out_share) == (0, 0)


def test_what_was_launched_between_steps_is_in_none(tmp_path: Path) -> None:
    """The main thread does so after the first step, 30 us before the second one; the kernel of
    60 us begins in this."""
    events = steps(100.0, 0.0)
    later = [{**e, "ts": e["ts"] + 100.0} if e["ts"] >= STEP_US else e for e in events]
    later += work(STEP_US + 70.0, STEP_US + 110.0, 60.0, "gather", 95)
    found = imported(tmp_path, later)
    assert found.unclaimed_us == pytest.approx(20)
    assert found.left_out_share == 60 / 360


def test_what_the_device_still_does_of_before_is_no_loss(tmp_path: Path) -> None:
    """Each step has work like it: what was launched before the trace began, whose number is lower
    than all, and before its first step."""
    events = [{**e, "ts": e["ts"] + 5000.0} for e in steps(100.0, 0.0)]
    for each in events:
        if "correlation" in each["args"]:
            each["args"]["correlation"] += 50
    events.append(event("gemm", "kernel", 5001.0, 5050.0, correlation=7))
    events += work(4900.0, 5060.0, 30.0, "gemm", 49)
    assert imported(tmp_path, events).left_out_share == 0


def test_a_warning_names_operators_of_other_threads_that_take_long(tmp_path: Path) -> None:
    """49 and 51 us of a step of 1000."""
    for lasts, warned in ((49.0, False), (51.0, True)):
        loading = [
            event("aten::stack", "cpu_op", at + 100.0, at + 100.0 + lasts, THREAD)
            for at in (0.0, STEP_US, 2 * STEP_US)
        ]
        found = imported(tmp_path, [*steps(100.0, 0.0), *loading])
        assert (found.other_operators, found.other_us) == (3, pytest.approx(lasts))
        expected = ["t: 0.051 ms a step (5% of it) of operators of other threads are left out"]
        told = [text for text in warnings_of(found) if "Input Dims" not in text]
        assert told == (expected if warned else [])
