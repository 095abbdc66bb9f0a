"""``rmixer report``: a file, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import call, refused

RESULT = Path(__file__).resolve().parents[3] / "experiments" / "results" / "quickstart-8"


def test_a_page_is_written_where_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "pages" / "a page.html"
    ended = call(capsys, "report", RESULT, "--out", target)
    assert (ended.code, ended.out, ended.err) == (0, f"report: {target}\n", "")
    html = target.read_text()
    assert html.startswith("<!DOCTYPE html>")
    for job in ("criteo_dlrm", "criteo_deepfm", "amazon_din"):
        assert f"{job}-0" in html
        assert f"{job}-1" in html
    assert "14.3 s were predicted, 14.0 s measured: the prediction was 2.5% too long." in html
    assert "68e228263cdc" in html
    assert not (RESULT / "report.html").exists()


def test_a_device_is_written_to_and_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    full = Path("/dev/full")
    ended = call(capsys, "report", RESULT, "--out", full)
    assert (ended.code, ended.out, ended.err) == (1, "", f"failed: disk full: {full}\n")
    assert full.is_char_device()


def test_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such folder" in refused(capsys, "report", tmp_path / "nowhere")
    assert "a folder without config.yaml" in refused(capsys, "report", tmp_path)
    assert "a folder; allowed: the name of a file" in refused(
        capsys, "report", RESULT, "--out", tmp_path
    )
    (tmp_path / "file").touch()
    told = refused(capsys, "report", RESULT, "--out", tmp_path / "file" / "page.html")
    assert "which cannot be written" in told


def test_a_damaged_run_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.yaml", "events.csv"):
        (run / name).write_bytes((RESULT / name).read_bytes())
    (run / "summary.json").write_text('{"run": ')
    assert f"{run / 'summary.json'}: line 1" in refused(capsys, "report", run)
    assert not (run / "report.html").exists()
