"""Ten random faults: no job is lost, none ends twice, all have the weights of a calm run."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.bench.fault_run import trial


@pytest.mark.thorough
@pytest.mark.usefixtures("rmixer_home")
def test_ten_faults(tmp_path: Path) -> None:
    found = trial(tmp_path, faults=10, jobs=4, seed=1)
    assert found["faults"] == 10
    assert (found["lost"], found["twice"], found["different"]) == ([], [], [])
