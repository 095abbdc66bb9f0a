"""Mixes that were solved once are read from disk, and only those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member, Mix
from rmixer.testing.made_up import by_key, make_machine, make_operator, make_profile, make_step
from sim.operator_level import operator_level
from sim.operator_level.operator_level import OperatorLevel
from sim.operator_level.solved_mixes import FILE, SolvedMixes

MACHINE = make_machine(cores=4)


def profiles(step_us: float = 1000.0) -> dict[str, ModelProfile]:
    return by_key(
        make_profile(steps=[make_step(mean_us=step_us)], operators=[make_operator(step_us)])
    )


def mix() -> Mix:
    (identity,) = profiles()
    return Mix(tuple(Member(identity, "train", "cpu:0", (core,)) for core in (0, 0, 1)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path))
    return tmp_path


def solve(
    monkeypatch: pytest.MonkeyPatch, step_us: float = 1000.0, seed: int = 0, **machine: object
):
    """The step times, and how many mixes were walked for them."""
    walked: list[object] = []
    average = operator_level._average

    def counted(*given: object) -> object:
        walked.append(given)
        return average(*given)  # type: ignore[arg-type]

    known, made = profiles(step_us), replace(MACHINE, **machine)  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        patched.setattr(operator_level, "_average", counted)
        level = OperatorLevel(known, made, seed, SolvedMixes(known, made, seed))
        return level.unit_s(mix()), len(walked)


def test_the_second_time_nothing_is_walked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, walked = solve(monkeypatch)
    assert walked > 0
    assert solve(monkeypatch) == (first, 0)


@pytest.mark.parametrize("change", [{"step_us": 1500.0}, {"seed": 1}, {"probe_s": 9.0}])
def test_what_decides_a_mix_is_part_of_its_key(
    change: dict[str, float], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve(monkeypatch)
    _, walked = solve(monkeypatch, **change)  # type: ignore[arg-type]
    assert walked > 0


def test_a_damaged_file_is_made_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = solve(monkeypatch)
    for path in home.glob(f"{FILE}*"):
        path.write_bytes(b"no database, but long enough to be taken for one" * 50)
    again, walked = solve(monkeypatch)
    assert again == first
    assert walked > 0
    assert solve(monkeypatch) == (first, 0)


def test_a_home_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "file" / "home"))
    first, walked = solve(monkeypatch)
    assert walked > 0
    assert solve(monkeypatch)[0] == first
