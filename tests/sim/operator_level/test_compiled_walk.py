"""What is compiled of the walk, and how it is kept."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest

from rmixer.hardware.machine import Machine, read_machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile
from rmixer.scheduling.step_times import Member
from sim.demand.contention import Background
from sim.demand.resident import Residents
from sim.operator_level import (
    compiled_walk,
    compiled_whole_walk,
    ensemble,
    instruction_tables,
)
from sim.operator_level.compiled import compiled
from sim.operator_level.ensemble import walks
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walked_mix import WalkedMix
from sim.planning import compiled_schedule

RECORDED = Path(__file__).resolve().parents[3] / "profiles" / "recorded" / "h100-16c"


@cache
def recorded() -> tuple[Machine, dict[str, ModelProfile]]:
    """Six models of the recorded GPU machine."""
    profiles = [read_profile(path) for path in sorted(RECORDED.glob("*-b*"))[::4][:6]]
    return read_machine(RECORDED / "machine.yaml"), {each.key: each for each in profiles}


def mix_of(members: list[Member], background: Background, offsets: Floats) -> WalkedMix:
    machine, profiles = recorded()
    made = Residents(profiles, machine)
    residents = [made.resident(member, limit=8) for member in members]
    walking = walks(residents)
    walkers = [r for r, walk in zip(residents, walking, strict=True) if walk]
    steady = [r for r, walk in zip(residents, walking, strict=True) if not walk]
    return WalkedMix(walkers, steady, background, offsets, measured_steps=2)


@pytest.mark.parametrize("seed", range(6))
def test_joined_instructions_walk_as_single_ones(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Random(seed)
    _, profiles = recorded()
    names, devices = sorted(profiles), ["gpu:0", "gpu:0", "gpu:0", "cpu:0"]
    members = [Member(draw.choice(names), "train", devices[i], (i,)) for i in range(4)]
    offsets = np.array([[draw.random() for _ in range(8)] for _ in members])
    joined = mix_of(members, Background(), offsets)
    seen = ensemble.measure(joined)
    monkeypatch.setattr(instruction_tables, "_joined", lambda step: step)
    single = mix_of(members, Background(), offsets)
    expected = ensemble.measure(single)
    assert joined.programs.width < single.programs.width
    assert seen.made == pytest.approx(expected.made, rel=1e-9)
    assert seen.at_s == pytest.approx(expected.at_s, rel=1e-9)
    assert seen.last_s == pytest.approx(expected.last_s, rel=1e-9)


def test_without_a_folder_to_keep_it_in_a_function_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_folder(**options: object) -> Callable[..., object]:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function)

    monkeypatch.setattr("sim.operator_level.compiled.njit", no_folder)
    assert compiled(recorded) == ("compiled", recorded)


@pytest.mark.parametrize("module", [compiled_walk, compiled_whole_walk, compiled_schedule])
def test_what_is_compiled_stands_in_one_file(module: ModuleType) -> None:
    """What numba keeps on disk is renewed when that file changes: a constant or a function from
    another file would stay as it was (findings/compiled_cache_keeps_old_model.sh)."""
    tree = ast.parse(Path(module.__file__ or "").read_text())
    imported = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"annotations", "Any", "compiled", "Floats"}
