"""Figures are drawn again when something that they show has changed, and only then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.figures import run_figures
from experiments.run_files.run_folder import RunFolder, RunInputs
from experiments.stages import drawn_figures
from experiments.stages.drawn_figures import figures_of
from profiles.stored.store import Store
from rmixer.files.typed_files import write_json
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import (
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_workload,
)

JOB = make_job("a", "criteo_dlrm", batch=32)
MACHINE = make_machine()


class Artist:
    """Draws empty pictures and counts how often; ``failing`` is what it says it could not draw."""

    def __init__(self) -> None:
        self.times = 0
        self.failing: list[str] = []

    def draw(self, folder: RunFolder) -> tuple[list[Path], list[str]]:
        """As :func:`experiments.figures.run_figures.draw_run`."""
        self.times += 1
        paths = [folder.path / "figures" / f"{name}.png" for name in ("schedule", "policies")]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.touch()
        return paths, self.failing


@pytest.fixture
def artist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Artist:
    """Who draws; the code that figures depend on is one file."""
    found = Artist()
    monkeypatch.setattr(run_figures, "draw_run", found.draw)
    monkeypatch.setattr(drawn_figures, "_ROOT", tmp_path / "code")
    (tmp_path / "code" / "experiments").mkdir(parents=True)
    (tmp_path / "code" / "experiments" / "gantt.py").write_text("width = 1\n")
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return found


@pytest.fixture
def folder(tmp_path: Path, artist: Artist) -> RunFolder:
    """A run of one profiled job whose figures are drawn."""
    Store().save(profile(1000.0))
    inputs = RunInputs("run", make_workload(JOB), MACHINE, {})
    run = RunFolder.create(tmp_path / "run", inputs, report=lambda text: None)
    write_json(run.path / "predicted" / "summary.json", {"makespan_s": 1.0})
    figures_of(run)
    assert artist.times == 1
    return run


def profile(operator_us: float) -> ModelProfile:
    found = make_profile("criteo_dlrm", None, [make_operator(operator_us)], batch=32)
    assert found.key == JOB.identity.key
    return found


def test_the_same_run_is_not_drawn_again(folder: RunFolder, artist: Artist) -> None:
    before = sorted(folder.path.rglob("*"))
    drawn, failures = figures_of(RunFolder.open(folder.path))
    assert artist.times == 1
    assert [path.name for path in drawn] == ["schedule.png", "policies.png"]
    assert failures == []
    assert sorted(folder.path.rglob("*")) == before


def test_it_is_where_that_is_asked_for(folder: RunFolder, artist: Artist) -> None:
    figures_of(folder, again=True)
    assert artist.times == 2
    figures_of(folder)
    assert artist.times == 2


CHANGES: dict[str, Callable[[Path], object]] = {
    "a part of it": lambda run: (run / "predicted" / "summary.json").write_text("{}"),
    "a further part": lambda run: write_json(run / "repeat" / "summary.json", {}),
    "a part less": lambda run: (run / "predicted" / "summary.json").unlink(),
    "the same in another part": lambda run: (run / "predicted").rename(run / "sequential"),
    "a picture less": lambda run: (run / "figures" / "policies.png").unlink(),
    "a damaged list": lambda run: (run / "figures" / "drawn.json").write_text('{"what": '),
    "its profile": lambda run: Store().save(profile(2000.0)),
    "the code": lambda run: (run.parent / "code/experiments/gantt.py").write_text("width = 2\n"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_drawn_again(folder: RunFolder, artist: Artist, what: str) -> None:
    CHANGES[what](folder.path)
    figures_of(folder)
    assert artist.times == 2, what
    figures_of(folder)
    assert artist.times == 2, "and then it is known"


def test_a_figure_that_failed_is_tried_again(folder: RunFolder, artist: Artist) -> None:
    artist.failing = ["policies: ValueError: no"]
    assert figures_of(folder, again=True)[1] == artist.failing
    (folder.path / "predicted" / "summary.json").write_text(json.dumps({"makespan_s": 2.0}))
    for times in (3, 4):
        assert figures_of(folder)[1] == artist.failing
        assert artist.times == times
