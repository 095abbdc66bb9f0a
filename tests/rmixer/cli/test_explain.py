"""``rmixer explain`` of a simulation and of a sweep of recorded profiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

WORKLOAD = "experiments/workloads/quickstart.yaml"
SMALL = ("--machine", "epyc-2c", "--set", "steps_scale=0.05")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two policies."""
    out = tmp_path_factory.mktemp("explain") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rmixer.cli.presenting.present_figures", lambda folder: None)
        arguments = [
            "sweep",
            WORKLOAD,
            "--policies",
            "lpt,sequential,dySequ",
            *SMALL,
            "--out",
            str(out),
        ]
        from rmixer.cli import main

        with pytest.raises(SystemExit) as ended:
            main(arguments)
    assert ended.value.code == 0
    return out


def test_a_sweep_is_explained(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "explain", sweep)
    assert ended.code == 0
    lines = ended.out.splitlines()
    best = json.loads((sweep / "sweep.json").read_text())[0]["policy"]
    assert best != "sequential"
    assert lines[0].startswith(f"quickstart by {best} on epyc-2c, slots × threads CPU 2 × 1: ")
    assert any(line.startswith("Limited by: ") for line in lines)
    assert any("half the batch, twice the steps" in line and " → " in line for line in lines)
    assert any("one more core (3; CPU 3 × 1)" in line and "(−" in line for line in lines)
    assert any("one more GPU: not simulated" in line for line in lines)


def test_for_a_program(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "explain", sweep, "--json").out)
    summary = json.loads((sweep / "predicted" / "summary.json").read_text())
    assert found["limits"]["makespan_s"] == summary["makespan_s"]
    assert found["outlook"]["makespan_s"] == pytest.approx(summary["makespan_s"])
    shares = [need["share"] for need in found["limits"]["needs"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] <= 1.0


def test_a_sweep_leaves_its_rows_and_its_use_as_tables(sweep: Path) -> None:
    found = json.loads((sweep / "sweep.json").read_text())
    rows = (sweep / "sweep.csv").read_text().splitlines()
    assert len(rows) == 1 + len(found)
    best, other = (found[0]["policy"], "lpt" if found[0]["policy"] == "dySequ" else "dySequ")
    assert rows[1].startswith(f"{best},0,2,0,1,0,{found[0]['makespan_s']}")
    use = (sweep / "predicted" / "use.csv").read_text().splitlines()
    assert use[0] == "start_s,duration_s,cores,bytes_cpu:0"
    labels = [each["label"] for each in json.loads((sweep / "finalists.json").read_text())]
    assert labels == [f"{other}, CPU 2 × 1"]  # one at a time is there anyway


def test_what_is_no_prediction_is_refused(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in refused(capsys, "explain", tmp_path / "nothing")
    assert "a folder without config.yaml" in refused(capsys, "explain", tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.yaml").write_text((sweep / "config.yaml").read_text())
    assert "a run without a prediction" in refused(capsys, "explain", bare)
    assert "--machine: found 'nowhere'" in refused(capsys, "explain", sweep, "--machine", "nowhere")
