"""Profiles of older code: used of another machine, which cannot be measured anew, and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.stages.inputs import inputs_of
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.problem import Problem
from rmixer.testing.made_up import (
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)

JOB = make_job(batch=256)
IDENTITY = JOB.identity


def older(batch: int = 256, **changes: object) -> ModelProfile:
    """A step of 10 us a sample, of other code."""
    made = make_profile(
        steps=[make_step(mean_us=10.0 * batch)], operators=[make_operator(10.0 * batch)]
    )
    old = replace(IDENTITY, batch=batch, source="0123", **changes)  # type: ignore[arg-type]
    return replace(made, identity=old)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "own", tmp_path / "recorded")
    found.save_machine(make_machine())
    return found


def read(store: Store) -> tuple[Problem, list[str]]:
    said: list[str] = []
    return inputs_of(make_workload(JOB), "made-up", store, said.append), said


def test_it_is_used_and_said(store: Store) -> None:
    store.save(older())
    inputs, said = read(store)
    profile = inputs.profiles[IDENTITY.key]
    assert (profile.key, profile.steps[0].mean_us) == (IDENTITY.key, 2560.0)
    assert f"{older().key}: profiled with an older version of the training step" in said


def test_other_batches_of_it_predict_the_wanted_one(store: Store) -> None:
    store.save(older(128))
    store.save(older(512))
    inputs, said = read(store)
    assert inputs.profiles[IDENTITY.key].steps[0].mean_us == pytest.approx(2560.0)
    assert f"{older().key}: not profiled, predicted from batches 128 and 512" in said


def test_present_code_comes_first(store: Store) -> None:
    store.save(older())
    store.save(replace(older(), identity=IDENTITY, warmup_steps=7))
    inputs, said = read(store)
    assert inputs.profiles[IDENTITY.key].warmup_steps == 7
    assert not [line for line in said if "older version" in line]


def test_another_configuration_is_another_model(store: Store) -> None:
    store.save(older(optimizer="sgd"))
    with pytest.raises(InputError, match=r"it was profiled with other code and another optimizer"):
        read(store)


def test_on_this_machine_it_is_to_be_taken_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: Machine = make_machine()
    monkeypatch.setattr(store, "known_machine", lambda: here)
    store.save(older())
    with pytest.raises(InputError, match=r"it was profiled with other code.*rmixer profile run"):
        read(store)
