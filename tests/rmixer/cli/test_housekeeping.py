"""``rmixer runs`` and ``rmixer clean``: what lies there, and what is removed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from profiles.stored.store import Store
from rmixer.data.preparation import PREPARATION
from rmixer.files.folder_lock import hold_folder
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step

LPT = ("simulate", "quickstart", "--policy", "lpt", "--machine", "epyc-2c")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a profile and a data set, and two runs, of which the first was moved aside; one
    holds an execution that was moved aside, and there are folders that only look like such."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    Store().save_machine(make_machine())
    Store().save(make_profile("criteo_dlrm", [make_step()], [make_operator(10_000.0)]))
    (tmp_path / "home" / "data" / "twin").mkdir(parents=True)
    (tmp_path / "home" / "data" / "twin" / PREPARATION).write_text("of another release")
    for folder in ("notes.old-1", "runs/mine.old-1", "runs/a/execution.old-1", "runs/a/b.old-1"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_bytes(b"x" * 1000)
    for name in ("a", "a.old-3", "c"):
        (tmp_path / "runs" / name).mkdir(exist_ok=True)
        config = "schema_version: 1\ncommand: execute\nworkload:\n  name: six\n  jobs:\n  - {"
        (tmp_path / "runs" / name / "config.yaml").write_text(config)
    (tmp_path / "runs" / "a" / "execution.old-1" / "file").rename(
        tmp_path / "runs" / "a" / "execution.old-1" / "events.csv"
    )
    (tmp_path / "runs" / "c" / "config.yaml").write_text("- damaged\n")
    return tmp_path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("place")
def test_runs_are_listed_with_their_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "runs", "--json").out)
    assert [(run["path"], run["command"], run["workload"], run["state"]) for run in found] == [
        ("runs/a", "execute", "six", "not begun"),
        ("runs/a.old-3", "execute", "six", "not begun"),
        ("runs/c", "", "", "unreadable"),
    ]
    config_bytes = Path("runs/a.old-3/config.yaml").stat().st_size
    assert [run["size_bytes"] for run in found] == [2000 + config_bytes, config_bytes, 10]
    lines = [line.split() for line in call(capsys, "runs").out.splitlines()]
    assert ["3", "run(s),", "2.10", "KiB"] in lines
    assert next(line for line in lines if line[:1] == ["c"])[1:4] == ["–", "–", "unreadable"]


@pytest.mark.usefixtures("place")
def test_a_simulation_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *LPT).code == 0
    found = json.loads(call(capsys, "runs", "runs/quickstart-lpt", "--json").out)
    assert [(run["command"], run["state"]) for run in found] == [("simulate", "done")]


def test_without_kinds_and_on_trial_nothing_is_removed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(place)
    for given in ((), ("old", "data", "profiles", "--dry-run")):
        ended = call(capsys, "clean", *given)
        assert ended.code == 0
        assert "old: 2 folder(s)" in ended.out
        assert "data: 1 folder(s)" in ended.out
        assert "profiles: 1 folder(s)" in ended.out
        assert "runs/a.old-3" in ended.out
    assert files(place) == before


def test_where_nobody_can_be_asked_it_takes_yes(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(place)
    ended = call(capsys, "clean", "old")
    assert (ended.code, files(place)) == (2, before)
    assert "--yes" in ended.err


def test_what_was_moved_aside_is_removed_and_nothing_else(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(place)
    assert call(capsys, "clean", "old", "--yes").code == 0
    gone = {"runs/a.old-3/config.yaml", "runs/a/execution.old-1/events.csv"}
    assert before - files(place) == gone


def test_data_and_profiles(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "clean", "data", "profiles", "--yes").code == 0
    left = files(place / "home")
    assert left == {"profiles/made-up/machine.yaml"}


def test_what_another_process_holds_is_left(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(place)
    with hold_folder(Path("runs/a.old-3")), hold_folder(Path("runs/a")):
        ended = call(capsys, "clean", "old", "--yes")
    assert files(place) == before
    assert ended.err.count("left: runs/a") == 2


@pytest.mark.usefixtures("place")
def test_a_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names none has no runs yet."""
    assert "no such folder" in refused(capsys, "runs", "nowhere")
    monkeypatch.chdir(tmp_path / "notes.old-1")
    for words, said in (("runs",), "no runs in runs\n"), (("runs", "--json"), "[]\n"):
        ended = call(capsys, *words)
        assert (ended.code, ended.out) == (0, said)
