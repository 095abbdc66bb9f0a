"""The compiled walk gives the bits of the walk in numpy."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType

import numpy as np
import pytest

import sim.operator_level.ensemble
from rmixer.hardware.machine import Machine, read_machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile
from rmixer.scheduling.step_times import Member, Mix
from sim import OperatorLevel
from sim.demand.contention import Background
from sim.demand.resident import Residents
from sim.operator_level import (
    compiled_measure,
    compiled_walk,
    compiled_whole_walk,
    instruction_tables,
    numpy_measure,
)
from sim.operator_level.compiled import compiled, missing, not_installed
from sim.operator_level.compiled_walk import COLUMNS
from sim.operator_level.ensemble import walks
from sim.operator_level.host_rates import MOST_WALKERS
from sim.operator_level.instruction_tables import Floats
from sim.operator_level.walked_mix import WalkedMix
from sim.planning import compiled_schedule

RECORDED = Path(__file__).resolve().parents[3] / "profiles" / "recorded" / "h100-16c"


@cache
def recorded() -> tuple[Machine, dict[str, ModelProfile]]:
    """Six models of the recorded GPU machine."""
    profiles = [read_profile(path) for path in sorted(RECORDED.glob("*-b*"))[::4][:6]]
    return read_machine(RECORDED / "machine.yaml"), {each.key: each for each in profiles}


def drawn_members(draw: Random) -> list[Member]:
    """Up to seven members on two GPUs and the CPU, some of which share a core."""
    _, profiles = recorded()
    members = []
    for place in range(draw.randint(1, 7)):
        device = draw.choice(["gpu:0", "gpu:0", "gpu:1", "cpu:0"])
        phase = draw.choice(["train", "train", "train", "evaluate", "build"])
        core = place if draw.random() < 0.8 else max(0, place - 1)
        members.append(Member(draw.choice(sorted(profiles)), phase, device, (core,)))
    return members


@pytest.mark.parametrize("seed", range(24))
def test_both_walks_see_the_same(seed: int) -> None:
    assert missing() is None
    draw = Random(seed)
    members = drawn_members(draw)
    if not any(member.phase == "train" for member in members):
        members[0] = Member(members[0].identity, "train", members[0].device, members[0].cores)
    offsets = np.array([[draw.random() for _ in range(3)] for _ in members])
    background = Background(draw.choice([0.0, 2.5]), draw.choice([0.0, 0.7]))
    same_in_both(mix_of(members, background, offsets))


@pytest.mark.parametrize("count", [1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 5])
def test_both_walks_see_the_same_whatever_the_number_of_replications(count: int) -> None:
    """Those after the first columns begin where another has ended."""
    draw = Random(count)
    _, profiles = recorded()
    names, devices = sorted(profiles), ["gpu:0", "gpu:0", "gpu:1", "cpu:0"]
    members = [Member(draw.choice(names), "train", devices[i], (i,)) for i in range(4)]
    offsets = np.array([[draw.choice([0.0, draw.random()]) for _ in range(count)] for _ in members])
    same_in_both(mix_of(members, Background(1.0, 0.2), offsets))


def test_both_walks_see_the_same_of_more_walkers_than_patterns_are_kept_for() -> None:
    _, profiles = recorded()
    shortest = min(profiles.values(), key=lambda profile: profile.step("gpu", 1).mean_us).key
    members = [
        Member(shortest, "train", f"gpu:{i % 2}", (i % 16,)) for i in range(MOST_WALKERS + 1)
    ]
    offsets = np.random.default_rng(0).random((len(members), 2))
    same_in_both(mix_of(members, Background(), offsets))


def mix_of(members: list[Member], background: Background, offsets: Floats) -> WalkedMix:
    machine, profiles = recorded()
    made = Residents(profiles, machine)
    residents = [made.resident(member, limit=8) for member in members]
    walking = walks(residents)
    walkers = [r for r, walk in zip(residents, walking, strict=True) if walk]
    steady = [r for r, walk in zip(residents, walking, strict=True) if not walk]
    return WalkedMix(walkers, steady, background, offsets, measured_steps=2)


def same_in_both(mix: WalkedMix) -> None:
    by_numpy, by_numba = numpy_measure.measure(mix), compiled_measure.measure(mix)
    for name in by_numpy._fields:
        assert np.array_equal(getattr(by_numpy, name), getattr(by_numba, name)), name


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
    seen = compiled_measure.measure(joined)
    monkeypatch.setattr(instruction_tables, "_joined", lambda step: step)
    single = mix_of(members, Background(), offsets)
    expected = compiled_measure.measure(single)
    assert joined.programs.width < single.programs.width
    assert seen.made == pytest.approx(expected.made, rel=1e-9)
    assert seen.at_s == pytest.approx(expected.at_s, rel=1e-9)
    assert seen.last_s == pytest.approx(expected.last_s, rel=1e-9)


def test_without_numba_step_times_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, profiles = recorded()
    first, second = sorted(profiles)[:2]
    mix = Mix((Member(first, "train", "gpu:0", (0,)), Member(second, "train", "gpu:0", (1,))))
    compiled_units = OperatorLevel(profiles, machine).unit_s(mix)
    monkeypatch.setattr(sim.operator_level.ensemble, "missing", lambda: "numba is not installed")
    assert OperatorLevel(profiles, machine).unit_s(mix) == compiled_units


def test_without_numba_a_function_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.operator_level.compiled.missing", lambda: "numba is not installed")

    def function() -> int:
        return 1

    assert compiled(function) is function


def test_that_numba_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_installed() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    missing.cache_clear()
    try:
        assert (
            missing() == not_installed() == "numba is not installed (`pip install 'rmixer[fast]'`)"
        )
    finally:
        missing.cache_clear()


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
