"""Profiles: read as written, and refused where a value is impossible."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from specimens import MEASUREMENT, OPERATOR, PROFILE, STEP

from experiments.tools.record_machine import pack
from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.operators.operator_table import COLUMNS
from rmixer.testing.made_up import make_operator, make_profile


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    operators = (OPERATOR, replace(OPERATOR, index=1, phase="backward", forward_index=0))
    profile = replace(PROFILE, operators=operators, flops=2 * 67108864, bytes=2 * 3072)
    write_profile(tmp_path, profile)
    again = read_profile(tmp_path)
    assert again == profile
    assert again.key == profile.key


def test_the_key_is_the_same_on_every_machine() -> None:
    # blake2b of the identity as JSON with sorted keys, computed apart from the code under test.
    assert PROFILE.key == "criteo_dlrm-b256-3ac341d2"


def test_times_are_written_to_a_nanosecond(tmp_path: Path) -> None:
    write_profile(tmp_path, replace(PROFILE, operators=(replace(OPERATOR, mean_us=1 / 3),)))
    assert read_profile(tmp_path).operators[0].mean_us == 0.333


def test_the_columns_of_the_operators() -> None:
    first = "index phase module operator forward_index shapes flops read_bytes written_bytes"
    then = "lane threads p10_us p50_us p90_us mean_us gap_before_us host_us"
    assert " ".join(COLUMNS) == f"{first} {then}"


def test_a_step_that_nobody_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Without a closure no operator may take longer than the step."""
    predicted = replace(PROFILE, steps=(replace(STEP, measurement=None),))
    write_profile(tmp_path, predicted)
    assert read_profile(tmp_path) == predicted
    write_profile(tmp_path, replace(predicted, operators=(replace(OPERATOR, mean_us=1080.0),)))
    with pytest.raises(InputError, match=r"line 2, mean_us: found .1080.0.; allowed: at most"):
        read_profile(tmp_path)


def test_what_policies_see() -> None:
    more = replace(PROFILE, steps=(STEP, replace(STEP, threads=2, mean_us=600.0)))
    (cost,) = more.costs().values()
    assert (cost.peak_bytes, cost.utilisation, cost.job_type) == (1450, 0.75, "compute")
    assert cost.step_s == pytest.approx({1: 1013e-6, 2: 612.5e-6})  # with 12.5 us of stalls
    assert cost.alone_s(110, 1) == pytest.approx(
        STEP.build_s + STEP.warmup_s + 100 * 1013e-6 + STEP.evaluate_s + STEP.save_s
    )
    assert cost.alone_s(4, 1) == cost.alone_s(10, 1)  # ten of them warm it up
    assert set(more.costs()) == {"cpu"}


def test_a_step_is_looked_up_by_device_and_threads() -> None:
    assert PROFILE.step("cpu", 1) is STEP
    with pytest.raises(InputError, match="no figures for gpu with 2 threads; allowed: cpu with 1"):
        PROFILE.step("gpu", 2)


def changed(folder: Path, **changes: Any) -> Path:
    """A profile whose summary has some keys changed, or left out where the value is ``...``."""
    write_profile(folder, PROFILE)
    path = folder / "summary.json"
    data = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not ...}))
    return path


STEP_DATA: dict[str, Any] = {
    **vars(STEP),
    "measurement": {**vars(MEASUREMENT), "closure": {"cpu": 0.0}},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 0}, "schema_version: found 0; allowed: 4, the version this release"),
        ({"schema_version": ...}, "schema_version: found nothing; allowed: 4"),
        ({"steps": []}, "steps: found []; allowed: a list of 1 or more"),
        (
            {"steps": [{**STEP_DATA, "mean_us": -1.0}]},
            "steps.0.mean_us: found -1.0; allowed: a num",
        ),
        (
            {"steps": [{**STEP_DATA, "mean_us": None}]},
            "steps.0.mean_us: found null; allowed: a num",
        ),
        (
            {"steps": [{**STEP_DATA, "device": "tpu"}]},
            "steps.0.device: found 'tpu'; allowed: 'cpu'",
        ),
        ({"steps": [{**STEP_DATA, "scale": {"cpu": 0}}]}, "steps.0.scale.cpu: found 0; allowed: a"),
        (
            {"steps": [{**STEP_DATA, "measurement": {**vars(MEASUREMENT), "n": 0}}]},
            "steps.0.measurement.n: found 0; allowed: a whole number > 0",
        ),
        (
            {"steps": [{**STEP_DATA, "p50_us": 1200.0}]},
            "steps.0.p90_us: found 1100.0; allowed: p10_us <= p50_us <= p90_us",
        ),
        (
            {"steps": [STEP_DATA, STEP_DATA]},
            "steps.1: found cpu with 1 threads a second time; allowed: each device and thread",
        ),
        ({"utilisation": {"cpu": 1.1}}, "utilisation.cpu: found 1.1; allowed: a number <= 1"),
        (
            {"steps": [{**STEP_DATA, "mean_us": 700.0}]},
            "steps.0.mean_us: found 700.0; allowed: 752.475 to 9999.000, by its quantiles",
        ),
        (
            {"steps": [{**STEP_DATA, "mean_us": 11_000.0}]},
            "steps.0.mean_us: found 11000.0; allowed: 752.475 to 9999.000, by its quantiles",
        ),
        (
            {"steps": [{**STEP_DATA, "stream_slowdown": [1.1, 0.1]}]},
            "steps.0.stream_slowdown.1: found 0.1; allowed: a number >= 1",
        ),
        (
            {"memory": [{**vars(PROFILE.memory[0]), "peak_bytes": 900}]},
            "memory.0.peak_bytes: found 900; allowed: at least context_bytes, 1000",
        ),
        ({"flops": 10}, "flops: found 10; allowed: 67108864, the sum over the table of operators"),
        ({"bytes": 10}, "bytes: found 10; allowed: 3072, the sum over the table of operators"),
        ({"utilisation": {}}, "utilisation.cpu: found nothing; allowed: a value"),
        ({"job_type": {}}, "job_type.cpu: found nothing; allowed: a value"),
        ({"job_type": {"cpu": "fast"}}, "job_type.cpu: found 'fast'; allowed: 'compute', 'memory'"),
        ({"job_type": {"tpu": "low"}}, "job_type.tpu: found 'tpu'; allowed: 'cpu' or 'gpu'"),
        ({"identity": {}}, "identity.model: found nothing"),
        ({"fingerprnt": 1}, "fingerprnt: found an unknown key with value 1; allowed: did you mean"),
    ],
)
def test_a_summary_that_is_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = changed(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        read_profile(tmp_path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_summary(tmp_path: Path, share: float) -> None:
    write_profile(tmp_path, PROFILE)
    path = tmp_path / "summary.json"
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    with pytest.raises(InputError, match="the file may be truncated"):
        read_profile(tmp_path)


def test_a_profile_without_its_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"summary.json: found no such file"):
        read_profile(tmp_path)
    write_profile(tmp_path, PROFILE)
    (tmp_path / "operators.csv").unlink()
    with pytest.raises(InputError, match=r"operators.csv: found no such file"):
        read_profile(tmp_path)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    write_profile(tmp_path, PROFILE)
    path = tmp_path / "operators.csv"
    header, *rows = path.read_text().splitlines()
    names = ["renamed" if name == column else name for name in header.split(",")]
    path.write_text("\n".join([",".join(names), *rows]))
    with pytest.raises(InputError, match=f"line 1: found no column {column}; allowed: the columns"):
        read_profile(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean_us": -1.0}, "line 3, mean_us: found '-1.0'; allowed: a finite number >= 0"),
        ({"gap_before_us": float("nan")}, "line 3, gap_before_us: found 'nan'; allowed: a finite"),
        ({"host_us": float("inf")}, "line 3, host_us: found 'inf'; allowed: a finite number >= 0"),
        ({"p50_us": "fast"}, "line 3, p50_us: found 'fast'; allowed: a finite number >= 0"),
        ({"phase": "foreward"}, "line 3, phase: found 'foreward'; allowed: one of input, copy"),
        ({"lane": "tpu"}, "line 3, lane: found 'tpu'; allowed: one of cpu, gpu, link"),
        ({"flops": 1.5}, "line 3, flops: found '1.5'; allowed: a whole number >= 0"),
        ({"read_bytes": -8}, "line 3, read_bytes: found '-8'; allowed: a whole number >= 0"),
        ({"forward_index": -2}, "line 3, forward_index: found '-2'; allowed: a whole number >= -1"),
        ({"threads": 0}, "line 3, threads: found '0'; allowed: a whole number >= 1"),
        ({}, "line 3, index: found '0'; allowed: each index once a lane and thread count"),
        (
            {"index": 1, "phase": "backward", "forward_index": 2},
            "line 3, forward_index: found '2'; allowed: the index of a forward operator",
        ),
        (
            {"index": 1, "phase": "backward", "forward_index": 1},
            "line 3, forward_index: found '1'; allowed: the index of a forward operator",
        ),
        (
            {"index": 1, "phase": "optimizer", "forward_index": 0},
            "line 3, forward_index: found '0'; allowed: -1: the phase is optimizer, not backward",
        ),
        ({"flops": 10**15}, "line 3, flops: found '1000000000000000'; allowed: at most 1e+18 for"),
        (
            {"written_bytes": 10**30},
            "line 3, written_bytes: found '1000000000000000000000000000000",
        ),
        ({"mean_us": 0.0, "flops": 10**10}, "line 3, flops: found '10000000000'; allowed: at most"),
        ({"threads": 2}, "line 3, threads: found '2'; allowed: a thread count of the summary's st"),
        ({"p10_us": 100.5}, "line 3, p50_us: found '100.0'; allowed: p10_us <= p50_us <= p90_us"),
        ({"p90_us": 99.5}, "line 3, p90_us: found '99.5'; allowed: p10_us <= p50_us <= p90_us"),
        (
            {"index": 1, "mean_us": 1011.0},
            "line 3, mean_us: found '1011.0'; allowed: at most the step's 1000.500",
        ),
        (
            {"index": 1, "gap_before_us": 1011.0},
            "line 3, gap_before_us: found '1011.0'; allowed: at most the step's 1000.500",
        ),
    ],
)
def test_an_impossible_operator_is_named_by_line_and_column(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_profile(tmp_path, replace(PROFILE, operators=(OPERATOR, replace(OPERATOR, **changes))))
    with pytest.raises(InputError) as error:
        read_profile(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'operators.csv'}: {message}")


def test_operators_may_add_up_to_more_than_the_step_as_far_as_its_closure_says(
    tmp_path: Path,
) -> None:
    """By 8% here: then one of them alone may take 1080 us of a step of 1000.5."""
    long = replace(OPERATOR, mean_us=1080.0)
    write_profile(tmp_path, replace(PROFILE, operators=(long,)))
    with pytest.raises(InputError, match=r"line 2, mean_us: found .1080.0.; allowed: at most"):
        read_profile(tmp_path)
    loose = replace(STEP, measurement=replace(MEASUREMENT, closure={"cpu": 0.08}))
    write_profile(tmp_path, replace(PROFILE, steps=(loose,), operators=(long,)))
    assert read_profile(tmp_path).operators == (long,)


def test_a_step_without_operators_is_named(tmp_path: Path) -> None:
    write_profile(tmp_path, replace(PROFILE, steps=(STEP, replace(STEP, threads=2))))
    with pytest.raises(InputError, match=r"operators.csv: threads: found no operators with 2 thr"):
        read_profile(tmp_path)


@pytest.mark.parametrize("name", ["summary.json", "operators.csv"])
def test_a_file_that_was_edited_is_refused(tmp_path: Path, name: str) -> None:
    """However well it reads: here a time, once in the summary and once in the table."""
    write_profile(tmp_path, PROFILE)
    path = tmp_path / name
    old, new = ("1000.5", "900.5") if name == "summary.json" else ("101.25", "91.25")
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        read_profile(tmp_path)
    told = f"{tmp_path / 'summary.json'}: checksum: found one that its files do not have; allowed"
    assert str(error.value).startswith(told)


def test_a_profile_without_a_checksum_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, checksum=...)
    with pytest.raises(InputError) as error:
        read_profile(tmp_path)
    assert str(error.value).startswith(f"{path}: checksum: found nothing; allowed: files as they")


def test_a_truncated_table_of_operators(tmp_path: Path) -> None:
    write_profile(tmp_path, PROFILE)
    path = tmp_path / "operators.csv"
    text = path.read_text()
    path.write_text(text[:-20])
    with pytest.raises(
        InputError, match=r"line 2: found .* values .the file may be truncated.; al"
    ):
        read_profile(tmp_path)
    path.write_text(text.splitlines()[0])
    with pytest.raises(InputError, match="line 2: found nothing; allowed: at least one operator"):
        read_profile(tmp_path)


def test_a_table_may_be_packed(tmp_path: Path) -> None:
    write_profile(tmp_path, PROFILE)
    pack(tmp_path / "operators.csv")
    assert read_profile(tmp_path) == PROFILE
    packed = tmp_path / "operators.csv.gz"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"operators.csv.gz: found a damaged gzip file"):
        read_profile(tmp_path)


def test_the_summary_is_written_last(tmp_path: Path) -> None:
    """A folder with a summary is a whole profile, so a half-written one has none."""
    broken: ModelProfile = replace(PROFILE, operators=(None,))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_profile(tmp_path, broken)
    assert not list(tmp_path.iterdir())


def test_input_bound_is_the_share_of_the_step_that_waits() -> None:
    """Of 1000 us a step waits 100."""
    rows = [
        make_operator(100.0, phase="input"),
        make_operator(850.0, gap_before_us=50.0, index=1),
    ]
    profile = make_profile(operators=rows)
    assert profile.input_bound(1) == pytest.approx(0.1)
    assert profile.input_bound(2) is None
