"""Profiles that are kept in the repository under a name of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.tools.record_machine import record
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_operator, make_profile
from rmixer.workload.workload import job_of


def present() -> ModelProfile:
    """As if ``criteo_dlrm`` had just been profiled."""
    made = make_profile(operators=[make_operator(1.0)])
    return replace(made, identity=job_of("criteo_dlrm").identity, origin="measured")


def test_what_was_recorded_is_another_machine_with_the_same_figures(tmp_path: Path) -> None:
    older = replace(present().identity, source="another")
    profiles = [
        present(),
        replace(present(), identity=older),
        replace(present(), origin="modelled"),
    ]
    assert record(make_machine(), profiles, "kept", tmp_path / "recorded") == 1
    store = Store(tmp_path / "own", tmp_path / "recorded")
    assert store.machine("kept") == make_machine(name="kept")
    files = {path.name for path in (tmp_path / "recorded").glob("kept/*/*")}
    assert files == {"summary.json", "operators.csv.gz"}
    assert store.profiles("kept") == [replace(present(), machine="kept")]


def test_nothing_to_record_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="machine made-up: profiles: found none to keep"):
        record(make_machine(), [], "kept", tmp_path)
    assert not any(tmp_path.iterdir())
