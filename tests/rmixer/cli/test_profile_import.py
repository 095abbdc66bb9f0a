"""``rmixer profile import`` and what is shown of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from calling import call, refused

Event = dict[str, object]


def step(number: int) -> list[Event]:
    """A step of 100 us with one operator of 20."""
    start = 1000.0 + 100.0 * number
    place: Event = {"ph": "X", "pid": 1, "tid": 1}
    mark = {**place, "cat": "user_annotation", "name": f"ProfilerStep#{number}"}
    args = {"Input Dims": [[2, 3], [3, 4]], "Input type": ["float", "float"]}
    product = {**place, "cat": "cpu_op", "name": "aten::mm", "args": args}
    return [{**mark, "ts": start, "dur": 100.0}, {**product, "ts": start + 10, "dur": 20.0}]


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trace, and a home of its own to keep the profile in."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    path = tmp_path / "dlrm.pt.trace.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"traceEvents": [*step(1), *step(2)]}).encode()))
    return path


def test_a_trace_becomes_a_profile_that_can_be_shown(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "profile", "import", trace)
    assert ended.code == 0, ended.err
    assert "dlrm, imported from dlrm.pt.trace.json.gz" in ended.out
    assert "batch unknown, host threads unknown" in ended.out
    again = call(capsys, "profile", "show", "dlrm")
    assert (again.code, again.out) == (0, ended.out)


def test_what_the_user_knows_is_kept(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ("--name", "mine", "--batch", 64, "--threads", 2, "--step-ms", 0.08)
    ended = call(capsys, "profile", "import", trace, *said, "--peak-memory", "2.5 GiB", "--json")
    assert ended.code == 0, ended.err
    made = json.loads(ended.out)
    assert (made["batch"], made["threads"], made["step_us"]) == (64, 2, 80.0)
    assert made["peak_bytes"] == 2.5 * 2**30
    (product,) = made["operators"]
    assert (product["operator"], product["mean_us"], product["flops"]) == ("aten::mm", 20.0, 48)
    shown = call(capsys, "profile", "show", "mine", "--json")
    assert json.loads(shown.out) == made


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--name", "a/b"), ["--name: found 'a/b'", "letters, digits"]),
        (("--name", "criteo_dlrm"), ["--name", "no model of the registry"]),
        (("--peak-memory", "lots"), ["--peak-memory: found 'lots'", "2.5GiB"]),
        (("--peak-memory", "0B"), ["--peak-memory: found '0B'"]),
        (("--peak-memory", f"{'9' * 400}GB"), ["--peak-memory: found '9999", "2.5GiB"]),
        (("--step-marker", "train"), ["--step-marker: found 'train' never in"]),
    ],
)
def test_options_that_will_not_do(
    trace: Path, options: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "profile", "import", trace, *options)
    for part in told:
        assert part in message
    assert not (trace.parent / "home" / "imported").exists()


@pytest.mark.parametrize("step_ms", ["nan", "inf", "1e300", "0"])
def test_a_step_as_long_as_none(
    trace: Path, step_ms: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "profile", "import", trace, "--step-ms", step_ms)
    assert (ended.code, ended.out) == (2, "")
    assert "Invalid value for '--step-ms'" in ended.err
    assert not (trace.parent / "home" / "imported").exists()


def test_a_damaged_trace(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace.write_bytes(trace.read_bytes()[:-9])
    assert "may be truncated" in refused(capsys, "profile", "import", trace)
    assert "no such file" in refused(capsys, "profile", "import", trace.parent / "none.json")


def on_a_gpu(folder: Path, held: int, missed: int) -> Path:
    """A step of 100 us whose operator keeps the GPU busy for ``held``; ``missed`` is of none."""
    device: Event = {"ph": "X", "cat": "kernel", "pid": 0, "tid": 7}
    call: Event = {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1}
    events = [
        *step(1),
        {**call, "ts": 1112.0, "dur": 2.0, "args": {"correlation": 1}},
        {**device, "name": "gemm", "ts": 1115.0, "dur": held, "args": {"correlation": 1}},
        {**device, "name": "gather", "ts": 1160.0, "dur": missed, "args": {"correlation": 2}},
    ]
    path = folder / "gpu.json"
    path.write_text(json.dumps({"traceEvents": events}))
    return path


@pytest.mark.parametrize(
    ("held", "missed", "warned", "printed"),
    [
        (30, 0, "", "left out: no device work"),
        (82, 3, "", "left out: 0.003 ms a step of device work (3.5% of it)"),
        (27, 3, "warning: gpu: 10.0% of the device's work, 0.003 ms a step (gather 0.003 ms)", ""),
    ],
)
def test_device_work_that_is_left_out_is_shown(
    trace: Path,
    held: int,
    missed: int,
    warned: str,
    printed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = call(capsys, "profile", "import", on_a_gpu(trace.parent, held, missed))
    assert ended.code == 0, ended.err
    assert warned in ended.err
    assert bool(warned) == ("warning" in ended.err)
    assert printed in ended.out
    again = call(capsys, "profile", "show", "gpu", "--json")
    assert json.loads(again.out)["left_out_share"] == missed / (held + missed)


def test_a_profile_of_a_part_has_to_be_asked_for(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = on_a_gpu(trace.parent, 21, 9)
    message = refused(capsys, "profile", "import", path)
    assert "found 30.0% of the device's work" in message
    assert "or `--partial`" in message
    assert not (trace.parent / "home" / "imported").exists()
    ended = call(capsys, "profile", "import", path, "--partial")
    assert ended.code == 0, ended.err
    assert "warning: gpu: 30.0% of the device's work" in ended.err
    assert "left out: 0.009 ms a step of device work (30.0% of it)" in ended.out


def test_a_profile_that_an_earlier_release_kept(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may lack a backward pass, so it is not read."""
    assert call(capsys, "profile", "import", trace).code == 0
    path = trace.parent / "home" / "imported" / "dlrm" / "summary.json"
    kept = json.loads(path.read_text())
    for key in ("outside_nodes", "other_us", "left_out_share", "left_out"):
        del kept[key]
    path.write_text(json.dumps({**kept, "schema_version": 1}))
    message = refused(capsys, "profile", "show", "dlrm")
    assert "schema_version: found 1; allowed: 2, the version this release reads" in message
    assert "import the trace again" in message
    assert call(capsys, "profile", "import", trace).code == 0
    assert call(capsys, "profile", "show", "dlrm").code == 0


def test_an_imported_profile_has_no_figures_and_no_other_batch(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "profile", "import", trace).code == 0
    for option in (("--batch", 3), ("--machine", "this")):
        message = refused(capsys, "profile", "show", "dlrm", *option)
        assert f"{option[0]}: found {option[1]}; allowed: none for an imported profile" in message


def test_what_is_mended_is_told_or_refused(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator from 50 us before the end of the last step to 30 us after it."""
    late = {"ph": "X", "cat": "cpu_op", "name": "aten::t", "pid": 1, "tid": 1, "dur": 80}
    path = trace.parent / "late.json"
    path.write_text(json.dumps([*step(1), *step(2), {**late, "ts": 1250.0}]))
    message = refused(capsys, "profile", "import", path, "--strict")
    assert "aten::t at 1250.000: found an end after that of its step at 1300.000" in message
    message = refused(capsys, "profile", "import", path, "--strict", "--partial")
    assert "--partial: found it; allowed: not together with --strict" in message
    ended = call(capsys, "profile", "import", path)
    assert ended.code == 0, ended.err
    assert "end after their step are cut at its end: 1, by 0.030 ms at most" in ended.err
    again = json.loads(call(capsys, "profile", "show", "late", "--json").out)
    assert (again["cut_operators"], again["cut_most_us"]) == (1, 30.0)
