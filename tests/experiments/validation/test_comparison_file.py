"""compare.json: what is in it, and that it is read as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_runs import job_names, packed_run

from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from experiments.validation.comparison import Comparison, read_comparison
from rmixer.errors import InputError
from rmixer.files.typed_files import write_json


@pytest.fixture
def comparison() -> Comparison:
    names = job_names(6)
    predicted, _ = packed_run(names, 2, run="predicted")
    measured, _ = packed_run(names, 2, run="measured", noise=0.05, seed=1)
    repeat, _ = packed_run(names, 2, run="repeat", noise=0.05, seed=2)
    return compare(Runs(predicted, measured, repeat=repeat, ablations={"no_contention": predicted}))


def test_read_as_written(comparison: Comparison, tmp_path: Path) -> None:
    write_json(tmp_path / "compare.json", comparison)
    assert read_comparison(tmp_path / "compare.json") == comparison


def test_the_keys_that_other_programs_rely_on(comparison: Comparison, tmp_path: Path) -> None:
    write_json(tmp_path / "compare.json", comparison)
    data = json.loads((tmp_path / "compare.json").read_text())
    assert set(data["makespan"]) == {"predicted_s", "measured_s", "error", "interval_s"}
    assert {"id", "completion", "step_ms"} <= set(data["jobs"][0])
    of_job = data["jobs"][0]
    assert set(of_job["completion"]) == {"predicted_s", "measured_s", "error", "interval_s"}
    assert set(of_job["step_ms"]) == {"predicted_ms", "measured_ms", "error", "interval_ms"}
    assert set(data["noise_floor"]) == {"step", "completion", "makespan"}
    assert set(data["ablations"]["no_contention"]) == {
        "step_mape",
        "completion_mape",
        "makespan_error",
    }
    assert {"step_mape", "completion_mape", "solo_step_mape", "verdict"} <= set(data)
    assert data["speedup"] is None
    assert data["verdict"]["step"]["verdict"] in (
        "pass",
        "fail",
        "undecided",
        "not measurable here",
    )


def test_another_schema_version_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    write_json(path, comparison)
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(InputError, match="schema_version: found 9"):
        read_comparison(path)


def test_a_truncated_file_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    write_json(path, comparison)
    path.write_text(path.read_text()[:200])
    with pytest.raises(InputError, match="truncated"):
        read_comparison(path)
