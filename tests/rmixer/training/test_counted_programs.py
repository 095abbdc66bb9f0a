"""Steps of real programs, counted without their help and with it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from counted_program import WAYS

from rmixer.step_hook import sitecustomize
from rmixer.training.command_process import Surroundings, command_environment
from rmixer.training.step_events import StepEvent, StepEvents, step_ends
from rmixer.user_code.command import Command

HERE = Path(__file__).parent
NAMES = [name for name, _, _ in WAYS]


def run(python: str, *arguments: str, steps: Path) -> tuple[str, list[StepEvent]]:
    """What a program printed, and the events that were noted meanwhile."""
    command = Command("", arguments, "", python, "", "", "")
    done = subprocess.run(
        [python, *arguments],
        env=command_environment(command, Surroundings((0,), steps)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, list(StepEvents(steps).read())


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[StepEvent]]]:
    """The steps that each way of training makes, and the events of its time."""
    steps = tmp_path_factory.mktemp("counted") / "steps"
    printed, events = run(sys.executable, str(HERE / "counted_program.py"), steps=steps)
    ways: list[dict[str, Any]] = json.loads(printed)
    return {
        way["name"]: (
            way["steps"],
            [event for event in events if way["begin_s"] <= event.at_s <= way["end_s"]],
        )
        for way in ways
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_train_is_counted_right(
    name: str, counted: dict[str, tuple[int, list[StepEvent]]]
) -> None:
    steps, events = counted[name]
    assert len(step_ends(events)) == steps


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of another environment: nothing is installed there, least of all RMixer."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


SAYS = """
try:
    import rmixer
except ImportError:
    rmixer = None
for _ in range(3):
    if rmixer:
        rmixer.step()
print(rmixer)
"""


def test_a_program_elsewhere_says_when_its_steps_end(elsewhere: Path, tmp_path: Path) -> None:
    _, events = run(str(elsewhere), "-c", SAYS, steps=tmp_path / "steps")
    assert [event.called for event in events] == [True] * 3
    assert len(step_ends(events)) == 3


CLOSES = """
import os
import rmixer
rmixer.step()
os.environ.clear()
os.closerange(3, 64)
with open("own", "wb", buffering=0) as own:
    rmixer.step()
    rmixer.step()
print(os.path.getsize("own"))
"""


def test_a_program_that_closes_all_files_and_clears_its_environment(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next file has the number that the file of steps had: nothing else is written there."""
    monkeypatch.chdir(tmp_path)
    printed, events = run(str(elsewhere), "-c", CLOSES, steps=tmp_path / "steps")
    assert printed == "0\n"
    assert len(step_ends(events)) == 3


def test_without_rmixer_around_it_the_same_program_runs_unwatched(
    elsewhere: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [elsewhere, "-c", SAYS], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"
    assert list(tmp_path.iterdir()) == []


def test_here_the_real_function_says_so_and_is_silent_outside(tmp_path: Path) -> None:
    program = f"import sys; sys.path.append({str(HERE.parents[2])!r}); import rmixer; rmixer.step()"
    _, events = run(sys.executable, "-c", program, steps=tmp_path / "steps")
    assert [event.called for event in events] == [True]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    assert len(StepEvents(tmp_path / "steps").read()) == 1


def test_a_sitecustomize_of_the_environment_runs_as_ever(elsewhere: Path, tmp_path: Path) -> None:
    (packages,) = (elsewhere.parents[1] / "lib").glob("python*/site-packages")
    (packages / "sitecustomize.py").write_text("theirs = 'as ever'\n")
    program = "import sys, sitecustomize, rmixer; print(sitecustomize.theirs); rmixer.step()"
    printed, events = run(str(elsewhere), "-c", program, steps=tmp_path / "steps")
    assert printed == "as ever\n"
    assert len(events) == 1


def test_the_path_of_a_program_is_as_it_would_be_without_it(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = "import sys; print(sys.path)"
    printed, _ = run(str(elsewhere), "-c", program, steps=tmp_path / "steps")
    done = subprocess.run(
        [elsewhere, "-c", program], env={}, capture_output=True, text=True, check=True
    )
    assert printed == done.stdout


def test_what_watches_a_program_is_read_by_old_pythons() -> None:
    source = Path(sitecustomize.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
