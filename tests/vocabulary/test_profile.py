"""Profiles: read as written, and refused where a value is impossible."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from specimens import OPERATOR, PROFILE, STEP

from rmixer.errors import InputError
from rmixer.profile import COLUMNS, ModelProfile, read_profile, write_profile


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    operators = (OPERATOR, replace(OPERATOR, index=1, phase="backward", forward_index=0))
    profile = replace(PROFILE, operators=operators)
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


def test_what_policies_see() -> None:
    more = replace(PROFILE, steps=(STEP, replace(STEP, threads=2, mean_us=600.0)))
    (cost,) = more.costs().values()
    assert (cost.peak_bytes, cost.utilisation, cost.job_type) == (1450, 0.75, "compute")
    assert cost.step_s == pytest.approx({1: 1000.5e-6, 2: 600e-6})
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


STEP_DATA: dict[str, Any] = {**vars(STEP), "closure": {"cpu": 0.0}, "scale": {"cpu": 1.0}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 0}, "schema_version: found 0; allowed: 1, the version this release"),
        ({"schema_version": ...}, "schema_version: found nothing; allowed: 1"),
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
    ],
)
def test_an_impossible_operator_is_named_by_line_and_column(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write_profile(tmp_path, replace(PROFILE, operators=(OPERATOR, replace(OPERATOR, **changes))))
    with pytest.raises(InputError) as error:
        read_profile(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'operators.csv'}: {message}")


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


def test_the_summary_is_written_last(tmp_path: Path) -> None:
    """A folder with a summary is a whole profile, so a half-written one has none."""
    broken: ModelProfile = replace(PROFILE, operators=(None,))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_profile(tmp_path, broken)
    assert not list(tmp_path.iterdir())
