"""Profiles that were filed under a former hash of their code are found under the present one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.stored import rekeying
from profiles.stored.rekeying import rekey_machine, rekey_own, rekey_profile
from profiles.stored.store import RECORDED, Store
from rmixer.errors import InputError
from rmixer.files.typed_files import content_hash, parse
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.user_code.former_sources import former_sources, formerly
from rmixer.workload.cost_identity import CostIdentity, is_present, own_step_hash
from rmixer.workload.workload import Job, job_of

MACHINE = "epyc-2c"
OWN = Job("a", "ranker:build", 10, 32, "adam", 0.1, 0, module_root="/x", source="0123456789abcdef")


def recorded() -> ModelProfile:
    identity = job_of("criteo_dlrm").identity
    return read_profile(RECORDED / MACHINE / identity.key)


def under(folder: Path, profile: ModelProfile, source: str) -> Path:
    """``profile`` as it was filed when its code's hash was ``source``."""
    old = replace(profile, identity=replace(profile.identity, source=source))
    write_profile(folder / MACHINE / old.key, old)
    return folder / MACHINE / old.key


def test_the_models_codes_are_in_the_table() -> None:
    source = recorded().identity.source
    former = {
        "45e1ed9d5ae0f955",
        "9235cba4bc1c1105",
        "56edca076d33f5dc",
        "a84510202aa6c5d3",
        "e16f61eb92fdddb2",
        "fcbf52cc5c9f98ad",
    }
    assert set(formerly(source, "models")) == former
    assert set(former_sources()["own"].values()) == {own_step_hash()}


def test_every_recorded_profile_is_of_the_present_code() -> None:
    paths = sorted(RECORDED.glob("*/*/summary.json"))
    for path in paths:
        identity = parse(json.loads(path.read_text())["identity"], CostIdentity, path)
        assert is_present(identity), path
        assert identity.key == path.parent.name


@pytest.mark.parametrize("change", [0, 1])
def test_a_users_profile_is_filed_again_on_first_use(change: int, tmp_path: Path) -> None:
    """After each of the changes that there were."""
    profile = recorded()
    old = formerly(profile.identity.source, "models")[change]
    place = under(tmp_path, profile, old)
    store = Store(tmp_path, tmp_path / "none")
    found = store.find(MACHINE, profile.key)
    assert found == profile
    assert not place.exists()
    assert [path.name for path in (tmp_path / MACHINE).iterdir()] == [profile.key]


def test_other_code_stays_other_code(tmp_path: Path) -> None:
    place = under(tmp_path, recorded(), "f" * 16)
    assert rekey_machine(tmp_path / MACHINE) == 0
    assert read_profile(place).identity.source == "f" * 16


def test_a_profile_measured_since_is_kept_and_the_old_one_too(tmp_path: Path) -> None:
    profile = recorded()
    old = formerly(profile.identity.source, "models")[0]
    newer = replace(profile, operators=profile.operators[:1], steps=profile.steps)
    place = under(tmp_path, profile, old)
    target = tmp_path / MACHINE / profile.key
    target.mkdir()
    (target / "summary.json").write_text("{}")
    assert rekey_profile(place, newer.identity.source) == target
    assert (target / "summary.json").read_text() == "{}"
    assert place.exists()


def test_a_damaged_profile_stays_where_it_is(tmp_path: Path) -> None:
    profile = recorded()
    old = formerly(profile.identity.source, "models")[0]
    place = under(tmp_path, profile, old)
    data = json.loads((place / "summary.json").read_text())
    data["steps"][0]["mean_us"] *= 2
    (place / "summary.json").write_text(json.dumps(data, indent=1))
    with pytest.raises(InputError, match="checksum"):
        rekey_profile(place, profile.identity.source)
    assert rekey_machine(tmp_path / MACHINE) == 0
    assert place.exists()


def test_an_own_models_profile_follows_the_code_that_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"models": {}, "own": {"0ld": own_step_hash()}}
    monkeypatch.setattr("rmixer.user_code.former_sources.former_sources", lambda: table)
    identity = OWN.identity
    profile = replace(recorded(), identity=identity)
    place = under(tmp_path, profile, content_hash([OWN.source, "0ld"]))
    rekey_own(tmp_path / MACHINE, OWN)
    assert read_profile(tmp_path / MACHINE / identity.key).identity == identity
    assert not place.exists()
    assert rekeying.formerly(own_step_hash(), "own") == ("0ld",)
