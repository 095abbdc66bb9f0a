"""Profiles from traces: a real one of a CPU, what stays unknown, and files that are impossible."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gpu_trace import event, two_steps, write_trace
from torch import nn
from torch.profiler import ProfilerActivity, profile, schedule

from profiles.traces.imported import import_trace, trace_name
from rmixer.errors import InputError
from rmixer.imported.imported_profile import (
    ImportedProfile,
    find_imported,
    imported_names,
    read_imported,
    save_imported,
    write_imported,
)
from rmixer.operators.operator_table import IMPORTED_COLUMNS

FORWARD = ["aten::embedding", "aten::flatten", "aten::linear", "aten::relu", "aten::linear"]
STEPS = 3


def record(path: Path, marks: bool, **options: Any) -> Path:
    """A trace of a small model's steps on the CPU, with the profiler's own marks or without."""
    table, first, last = nn.Embedding(50, 4), nn.Linear(8, 3), nn.Linear(3, 1)
    parameters = [*table.parameters(), *first.parameters(), *last.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, fused=True)
    network = nn.Sequential(table, nn.Flatten(), first, nn.ReLU(), last)
    plan = schedule(wait=0, warmup=1, active=STEPS, repeat=1) if marks else None
    with profile(activities=[ProfilerActivity.CPU], schedule=plan, **options) as observed:
        for _ in range(1 + STEPS):
            ids = torch.zeros(6, 2, dtype=torch.long)
            optimizer.zero_grad()
            network(ids).sum().backward()
            optimizer.step()
            if marks:
                observed.step()
    observed.export_chrome_trace(str(path))
    return path


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> ImportedProfile:
    """With all that a trace can have: marks, shapes, modules."""
    path = tmp_path_factory.mktemp("traces") / "marked.json"
    return import_trace(record(path, True, record_shapes=True, with_stack=True), "marked")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> ImportedProfile:
    """With nothing but operators."""
    path = tmp_path_factory.mktemp("traces") / "bare.pt.trace.json.gz"
    return import_trace(record(path, False), trace_name(path))


def test_the_operators_of_a_real_step_in_order(
    marked: ImportedProfile, bare: ImportedProfile
) -> None:
    """The same whether steps are marked or only repeat; the first of the bare trace has no end."""
    assert (marked.name, marked.device, marked.trace) == ("marked", "cpu", "marked.json")
    assert marked.steps_used == marked.steps_found == STEPS
    # On a busy machine its first step may take long enough to be told.
    assert (bare.name, bare.steps_told.partition(";")[0]) == ("bare", "repetition")
    for found in (marked, bare):
        forward = [row.operator for row in found.operators if row.phase == "forward"]
        assert forward[:5] == FORWARD
        assert {row.lane for row in found.operators} == {"cpu"}
        assert abs(found.closure["cpu"]) < 0.5
    names = [(row.operator, row.phase, row.forward_index) for row in marked.operators]
    assert names == [(row.operator, row.phase, row.forward_index) for row in bare.operators]


def test_backward_operators_are_tied_to_what_recorded_them(marked: ImportedProfile) -> None:
    rows = marked.operators
    tied = {
        row.operator: rows[row.forward_index].operator
        for row in rows
        if row.phase == "backward" and row.forward_index >= 0
    }
    assert tied["aten::embedding_backward"] == "aten::embedding"
    assert tied["aten::threshold_backward"] == "aten::relu"
    assert tied["aten::mm"] == "aten::linear"


def test_modules_are_those_of_the_trace(marked: ImportedProfile, bare: ImportedProfile) -> None:
    """Python's own names for them; backward operators have their forward one's."""
    modules = {row.operator: row.module for row in marked.operators if row.module}
    assert modules["aten::embedding"] == "Sequential_0.Embedding_0"
    assert modules["aten::embedding_backward"] == "Sequential_0.Embedding_0"
    assert {row.module for row in bare.operators} == {""}


def test_what_only_the_model_knows_stays_unknown(
    marked: ImportedProfile, bare: ImportedProfile
) -> None:
    """Work without shapes; the types in a list of tensors, which the fused optimizer takes; how
    many samples, threads and bytes it were; the step without the profiler."""
    by_name = {row.operator: row for row in marked.operators if row.phase != "backward"}
    linear = next(row for row in marked.operators if row.operator == "aten::linear")
    assert (linear.shapes, linear.flops) == ("6x8 3x8 3", 2 * 6 * 8 * 3)
    fused = by_name["aten::_fused_sgd_"]
    assert (fused.phase, fused.flops, fused.read_bytes) == ("optimizer", None, None)
    assert fused.shapes.startswith("[50x4 3x8 3 1x3 1]")
    assert by_name["aten::zeros"].phase is None
    assert by_name["aten::zeros"].written_bytes == 8 * 12
    for row in bare.operators:
        assert (row.shapes, row.flops, row.read_bytes, row.written_bytes) == ("", None, None, None)
    for found in (marked, bare):
        assert (found.batch, found.threads, found.peak_bytes, found.step_us) == (None,) * 4
        assert (found.hardware, found.driver) == (None, None)


def test_work_that_a_list_of_tensors_hides_is_not_taken_for_none(tmp_path: Path) -> None:
    """``cat`` calls nothing but views. A reduction's result has a size that nothing tells."""
    lists = {"Input Dims": [[[2, 3], [2, 3]], []], "Input type": ["TensorList", "Scalar"]}
    one = {"Input Dims": [[2, 3]], "Input type": ["float"]}
    events = [
        event("ProfilerStep#1", "user_annotation", 0.0, 100.0),
        event("aten::cat", "cpu_op", 0.0, 10.0, **lists),
        event("aten::narrow", "cpu_op", 1.0, 2.0, **one),
        event("aten::sum", "cpu_op", 20.0, 30.0, **one),
    ]
    cat, total = import_trace(write_trace(tmp_path / "t.json", events), "t").operators
    assert (cat.shapes, cat.flops, cat.read_bytes) == ("[2x3 2x3]", None, None)
    assert (total.flops, total.read_bytes, total.written_bytes) == (6, 24, None)


def test_steps_that_run_other_operators_are_left_out_and_counted(tmp_path: Path) -> None:
    """The second of four evaluates as well."""
    events: list[dict[str, Any]] = []
    for number in range(4):
        at = 100.0 * number
        events.append(event(f"ProfilerStep#{number}", "user_annotation", at, at + 100.0))
        events.append(event("aten::mm", "cpu_op", at + 10.0, at + 30.0 + number))
        if number == 1:
            events.append(event("aten::topk", "cpu_op", at + 40.0, at + 50.0))
    found = import_trace(write_trace(tmp_path / "t.json", events), "t")
    assert (found.steps_found, found.steps_used) == (4, 3)
    (mm,) = found.operators
    assert mm.mean_us == pytest.approx((20 + 22 + 23) / 3)
    assert mm.p50_us == 22


def marked_steps(*optimized: bool, other: str = "aten::mm") -> list[dict[str, Any]]:
    """Marks each millisecond; a step has an optimizer or, in turn, ``other``."""
    events = []
    for at, has_optimizer in enumerate(optimized):
        begin = 1000.0 * at
        events.append(event(f"ProfilerStep#{at}", "user_annotation", begin, begin + 1000.0))
        events.append(event("aten::mm", "cpu_op", begin + 100.0, begin + 300.0))
        if has_optimizer:
            name = "Optimizer.step#SGD.step"
            events.append(event(name, "user_annotation", begin + 500.0, begin + 700.0))
        name = "aten::add_" if has_optimizer else other
        events.append(event(name, "cpu_op", begin + 550.0, begin + 650.0))
    return events


def test_an_optimizer_in_steps_that_are_left_out_is_told(tmp_path: Path) -> None:
    """Marks around each part of a step whose gradients are accumulated: more have none."""
    path = tmp_path / "trace.json"
    accumulated = marked_steps(False, True, False, True, False)
    found = import_trace(write_trace(path, accumulated), "a")
    assert (found.steps_used, found.steps_found) == (3, 5)
    assert "others have an optimizer, these have none" in found.steps_told
    alike = import_trace(write_trace(path, marked_steps(True, True, True)), "a")
    assert alike.steps_told == "ProfilerStep marks"


def test_that_as_many_steps_are_of_another_kind_is_told(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "trace.json", marked_steps(True, False, True, False))
    found = import_trace(path, "a")
    assert found.steps_used == 2
    assert "as many others ran other operators" in found.steps_told


def test_events_whose_beginning_and_end_are_apart_are_refused(tmp_path: Path) -> None:
    events = marked_steps(True, True)
    events[1]["ph"] = "B"
    with pytest.raises(InputError, match=r"traceEvents\.\d+\.ph: found 'B'; allowed: X"):
        import_trace(write_trace(tmp_path / "trace.json", events), "a")


def test_thousands_of_events_within_each_other_are_refused(tmp_path: Path) -> None:
    nested = [
        event("aten::mm", "cpu_op", 100.0 + at * 0.01, 900.0 - at * 0.01) for at in range(5000)
    ]
    events = [event("ProfilerStep#1", "user_annotation", 0.0, 1000.0), *nested]
    with pytest.raises(InputError, match="events within each other"):
        import_trace(write_trace(tmp_path / "trace.json", events), "a")


def test_marks_around_nothing(tmp_path: Path) -> None:
    events = [
        event("ProfilerStep#1", "user_annotation", 0.0, 10.0),
        event("aten::mm", "cpu_op", 20.0, 30.0),
    ]
    path = write_trace(tmp_path / "t.json", events)
    with pytest.raises(InputError, match="steps: found 1 steps by ProfilerStep marks without oper"):
        import_trace(path, "t")


def test_what_is_kept_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown cells are empty, and come back as unknown."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path))
    with pytest.raises(InputError, match="none yet: `rmixer profile import FILE`"):
        find_imported("mine")
    made = import_trace(write_trace(tmp_path / "t.json", two_steps()), "mine")
    assert save_imported(made) == tmp_path / "imported" / "mine"
    assert imported_names() == ["mine"]
    assert find_imported("mine") == made
    with pytest.raises(InputError, match="'mien'; allowed: did you mean 'mine'"):
        find_imported("mien")
    with pytest.raises(InputError, match="--name: found 'criteo_dlrm'"):
        save_imported(replace(made, name="criteo_dlrm"))


def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    write_imported(folder, import_trace(write_trace(tmp_path / "t.json", two_steps()), "mine"))
    return folder


def write_cells(folder: Path, line: int, cells: dict[str, object]) -> None:
    """Put ``cells`` into one line of the table; the header is line 1."""
    path = folder / "operators.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    for column, value in cells.items():
        rows[line - 1][IMPORTED_COLUMNS.index(column)] = str(value)
    path.write_text("\n".join(map(",".join, rows)))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"mean_us": -1}, "line 3, mean_us: found '-1'; allowed: a finite number >= 0"),
        ({"t4_us": math.nan}, "line 3, t4_us: found 'nan'; allowed: a finite number >= 0"),
        ({"phase": "foreward"}, "line 3, phase: found 'foreward'; allowed: one of input, copy"),
        ({"lane": "tpu"}, "line 3, lane: found 'tpu'; allowed: one of cpu, gpu, link"),
        ({"flops": "many"}, "line 3, flops: found 'many'; allowed: a whole number >= 0"),
        ({"gap_before_us": ""}, "line 3, gap_before_us: found ''; allowed: a finite number >= 0"),
        ({"p10_us": 36}, "line 3, p50_us: found '35.0'; allowed: p10_us <= p50_us <= p90_us"),
        ({"index": 0, "lane": "link"}, "line 3, index: found '0'; allowed: each index once a lane"),
        (
            {"phase": "backward", "forward_index": 9},
            "line 3, forward_index: found '9'; allowed: the index of a forward operator",
        ),
    ],
)
def test_an_impossible_row_is_named(tmp_path: Path, cells: dict[str, object], message: str) -> None:
    folder = kept(tmp_path)
    write_cells(folder, 3, cells)
    with pytest.raises(InputError) as error:
        read_imported(folder)
    assert str(error.value).startswith(f"{folder / 'operators.csv'}: {message}")


def test_on_the_host_no_operator_is_longer_than_the_step(tmp_path: Path) -> None:
    """On a GPU it may be: the host runs ahead."""
    folder = kept(tmp_path)
    profile = read_imported(folder)
    rows = list(profile.operators)
    assert (rows[1].lane, rows[3].lane) == ("gpu", "cpu")
    for place in (1, 3):
        rows[place] = replace(rows[place], p50_us=1001.5, p90_us=1001.5, mean_us=1001.5)
        write_imported(folder, replace(profile, operators=tuple(rows)))
        if place == 1:
            assert read_imported(folder).operators[1].mean_us == 1001.5
    with pytest.raises(InputError, match=r"line 5, mean_us: found '1001.5'; allowed: at most the"):
        read_imported(folder)


@pytest.mark.parametrize("file", ["operators.csv", "summary.json"])
def test_files_that_were_edited_or_are_another_s_are_refused(tmp_path: Path, file: str) -> None:
    """By a number that could be as well."""
    folder = kept(tmp_path)
    path = folder / file
    text = path.read_text()
    path.write_text(text.replace("cpu,", "gpu,", 1) if file == "operators.csv" else text)
    if file == "summary.json":
        summary = json.loads(text)
        path.write_text(json.dumps({**summary, "profiled_mean_us": 1001.0}))
    with pytest.raises(InputError, match="checksum: found one that its files do not have"):
        read_imported(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 9}, "schema_version: found 9"),
        ({"name": "other"}, "name: found 'other'; allowed: 'mine', its folder's name"),
        ({"profiled_mean_us": 0}, "profiled_mean_us: found 0; allowed: a number > 0"),
        ({"peak_bytes": -1}, "peak_bytes: found -1; allowed: a whole number > 0"),
        ({"peek_bytes": 1}, "peek_bytes: found an unknown key with value 1; allowed: did you m"),
        ({"origin": "measured"}, "origin: found 'measured'; allowed: 'imported'"),
    ],
)
def test_an_impossible_summary_is_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    folder = kept(tmp_path)
    path = folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(InputError) as error:
        read_imported(folder)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("file", "name"),
    [("a/dlrm.pt.trace.json.gz", "dlrm"), ("host_42.1700.json", "host_42.1700"), ("mine", "mine")],
)
def test_a_profile_is_called_as_its_file(file: str, name: str) -> None:
    assert trace_name(Path(file)) == name
