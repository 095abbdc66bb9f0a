"""A doubtful prediction is marked wherever it is shown, and asked about before it is executed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from calling import call

from experiments.run_files.run_folder import PREDICTED, RunFolder
from profiles.stored.store import Store
from rmixer.cli import confirming
from rmixer.cli.confirming import confirm
from rmixer.cli.presenting import doubt_lines
from rmixer.errors import RunFailed
from rmixer.model_profile.model_profile import StepMeasurement
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

WAITED = "its worker waited 82% of the time for its cores"
LONE = StepMeasurement(100, 0, 0.01, 0.0, 4, 0, {}, 0.82)


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a model that was profiled while others had the cores."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "queue.yaml"
    path.write_text("jobs:\n  - {model: criteo_dlrm, steps: 10, count: 3}\n")
    Store().save_machine(make_machine())
    job = read_workload(path).jobs[0]
    steps = [make_step(threads=threads, measurement=LONE) for threads in (1, 2)]
    operators = [make_operator(10_000.0, threads=threads) for threads in (1, 2)]
    profile = make_profile(job.model, steps, operators, job.batch, 1 << 30)
    Store().save(replace(profile, origin="measured"))
    return path


def test_it_is_marked_in_table_and_json(
    workload: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--machine", "made-up", "--out")
    swept = call(capsys, "sweep", workload, *given, "swept")
    assert swept.code == 0, swept
    assert "best first (doubtful)" in swept.out
    assert "as fast (doubtful)" in swept.out
    assert WAITED in swept.out
    summary = RunFolder.open(tmp_path / "swept").prediction(".")
    assert summary is not None
    assert [line.partition(": ")[2] for line in summary.doubtful] == [WAITED]
    rows = json.loads((tmp_path / "swept" / "sweep.json").read_text())
    assert all(row["doubtful"] for row in rows)
    assert (tmp_path / "swept" / "sweep.csv").read_text().splitlines()[1].endswith(",True")
    simulated = call(capsys, "simulate", workload, "--policy", "lpt", *given, "one", "--json")
    assert WAITED in json.loads(simulated.out)["doubtful"][0]
    assert (tmp_path / "swept" / PREDICTED / "summary.json").exists()


def test_who_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def answer(text: str, **_: object) -> bool:
        asked.append(text)
        return False

    monkeypatch.setattr(click, "confirm", answer)
    monkeypatch.setattr(confirming.sys.stdin, "isatty", lambda: False, raising=False)
    confirm(["it waited"], yes=False)
    monkeypatch.setattr(confirming.sys.stdin, "isatty", lambda: True, raising=False)
    confirm(["it waited"], yes=True)
    assert not asked
    with pytest.raises(RunFailed, match="nothing was executed"):
        confirm(["it waited"], yes=False)
    assert len(asked) == 1
    assert capsys.readouterr().err.count("  it waited\n") == 3


def test_advice_is_for_the_machine_of_the_profiles() -> None:
    assert "profile run --again" in doubt_lines(["step"])[-1]
    assert doubt_lines(["step"], "h100-16c")[-1] == (
        "  these are stored profiles of h100-16c: only there can they be measured again"
    )
    assert doubt_lines(list("abcdefg"))[-2] == "  and 2 more"
