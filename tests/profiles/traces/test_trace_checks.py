"""Traces that read well and are impossible: what overlaps halfway, and steps that do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gpu_trace import event, two_steps, write_trace

from profiles.traces.imported import Wanted, import_trace
from profiles.traces.left_out import warnings_of
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile


def mark(number: int, start: float, end: float) -> dict[str, Any]:
    return event(f"ProfilerStep#{number}", "user_annotation", start, end)


def operator(name: str, start: float, end: float, **args: Any) -> dict[str, Any]:
    return event(name, "cpu_op", start, end, **args)


STEPS = [
    *(mark(1, 0.0, 100.0), operator("aten::mm", 10.0, 40.0), operator("aten::t", 11.0, 13.0)),
    *(mark(2, 100.0, 200.0), operator("aten::mm", 110.0, 140.0)),
]


def imported(tmp_path: Path, events: list[dict[str, Any]]) -> ImportedProfile:
    return import_trace(write_trace(tmp_path / "t.json", events), "t")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            [operator("aten::add", 30.0, 50.0)],
            "aten::add at 30.000: found an end after that of aten::mm at 10.000, inside which it",
        ),
        (
            [operator("aten::add", 90.5, 120.0)],
            "aten::mm at 110.000: found an end after that of aten::add at 90.500, inside which",
        ),
        ([mark(2, 90.0, 190.0)], "step 1: found one that begins at 90.000, before step 0 ends"),
        ([mark(1, 0.0, 100.0)], "step 1: found one that begins at 0.000, before step 0 ends"),
        ([mark(3, 200.0, 200.0)], "a step at 200.000: found a step of no length (ProfilerStep"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, more: list[dict[str, Any]], message: str) -> None:
    assert imported(tmp_path, STEPS).steps_used == 2
    with pytest.raises(InputError) as error:
        imported(tmp_path, [*STEPS, *more])
    assert str(error.value).startswith(f"{tmp_path / 't.json'}: {message}")


@pytest.mark.parametrize(
    "more",
    [
        [operator("aten::add", 39.0, 42.0)],  # cut to whole microseconds
        [operator("aten::add", 30.0, 50.0, tid=99)],
        [operator("gloo:all_reduce", 30.0, 50.0)],  # goes on by itself
    ],
)
def test_what_may_overlap(tmp_path: Path, more: list[dict[str, Any]]) -> None:
    imported(tmp_path, [*STEPS, *more])


def test_an_operator_that_ends_after_its_step_is_cut_there(tmp_path: Path) -> None:
    """It begins at 60 and ends at 108, and calls one from 70 to 90. What it calls in the next step
    is an operator of that."""
    late = [operator("aten::add", 60.0, 108.0), operator("aten::t", 70.0, 90.0)]
    found = imported(tmp_path, [*STEPS, *late, operator("aten::add", 160.0, 180.0)])
    assert (found.steps_used, found.cut_operators, found.cut_most_us) == (2, 1, 8.0)
    means = {row.operator: row.mean_us for row in found.operators}
    assert means == {"aten::mm": 30.0, "aten::add": (40.0 + 20.0) / 2}
    (warning,) = [text for text in warnings_of(found) if "cut" in text]
    assert (
        "operators that end after their step are cut at its end: 1, by 0.008 ms at most" in warning
    )
    called = [operator("aten::neg", 102.0, 104.0), operator("aten::neg", 2.0, 4.0)]
    both = imported(tmp_path, [*STEPS, *late, *called, operator("aten::add", 160.0, 180.0)])
    assert [row.operator for row in both.operators] == ["aten::neg", "aten::mm", "aten::add"]


def test_one_that_lasts_for_several_steps_is_of_its_first(tmp_path: Path) -> None:
    steps = [*STEPS, mark(3, 200.0, 300.0), operator("aten::mm", 190.0, 215.0)]
    found = imported(tmp_path, [*steps, operator("aten::add", 50.0, 1e9)])
    assert (found.steps_found, found.cut_operators) == (3, 2)
    assert found.cut_most_us == 1e9 - 100.0


def test_strict_refuses_what_would_be_cut(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "t.json", [*STEPS, operator("aten::add", 50.0, 1e9)])
    with pytest.raises(InputError) as error:
        import_trace(path, "t", Wanted(strict=True))
    message = "aten::add at 50.000: found an end after that of its step at 100.000 (ProfilerStep"
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_step_on_two_gpus_is_refused(tmp_path: Path) -> None:
    """Their kernels run side by side, on lanes of their own."""
    events = two_steps()
    for each in events:
        if each["name"] == "bias":
            each["args"]["device"] = 1
    with pytest.raises(InputError, match="found work on GPUs 0, 1 in a step"):
        imported(tmp_path, events)


def test_arguments_that_an_operator_cannot_have_tell_nothing_of_its_work(tmp_path: Path) -> None:
    one = {"Input Dims": [[2, 3]], "Input type": ["float"]}
    steps = [{**each, "args": one} if each["name"] == "aten::mm" else each for each in STEPS]
    (product,) = {row.operator: row for row in imported(tmp_path, steps).operators}.values()
    assert (product.shapes, product.flops, product.read_bytes) == ("2x3", None, None)


def test_work_of_a_gpu_that_is_there_twice(tmp_path: Path) -> None:
    events = two_steps()
    (kernel, *_) = [each for each in events if each["cat"] == "kernel"]
    with pytest.raises(InputError, match="the same event twice; allowed: each event once"):
        imported(tmp_path, [*events, dict(kernel)])
    other = {**kernel, "tid": "another stream"}
    imported(tmp_path, [*events, other])
