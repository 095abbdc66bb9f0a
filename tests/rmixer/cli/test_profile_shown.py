"""``rmixer profile show --figures`` and ``rmixer profile types``, on made-up profiles."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from calling import call, refused

from profiles.stored import provenance
from profiles.stored.store import Store
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Of a home of its own with a made-up machine in it."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    store = Store()
    store.save_machine(make_machine())
    return store


def keep(store: Store, model: str, batch: int) -> None:
    """A profile of a step that multiplies and copies."""
    costs = [
        replace(make_operator(8_000.0, 1_000_000), operator="aten::mm", flops=10**8),
        replace(make_operator(1_000.0, 1_000_000, index=1), operator="aten::cat"),
    ]
    steps = [make_step(compute_slowdown=(1.1,), stream_slowdown=(1.4,))]
    store.save(make_profile(model, steps, costs, batch))


def test_figures_are_drawn_into_a_folder(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for batch in (64, 256):
        keep(store, "criteo_dlrm", batch)
    folder = tmp_path / "figures"
    shown = ("profile", "show", "criteo_dlrm", "--machine", "made-up", "--batch", 64)
    ended = call(capsys, *shown, "--figures", folder)
    assert ended.code == 0, ended
    assert sorted(path.name for path in folder.iterdir()) == ["breakdown.png", "roofline.png"]
    assert "criteo_dlrm, batch 64" in ended.out


def test_types_are_shown_beside_rmixers(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    keep(store, "amazon_din", 32)
    keep(store, "rm1", 256)
    ended = call(capsys, "profile", "types", "--machine", "made-up", "--json")
    din, rm1 = json.loads(ended.out)
    assert (din["model"], din["job_type"], din["rmixer_job_type"]) == (
        "amazon_din",
        "compute",
        "low",
    )
    assert (din["stream_slowdown"], din["rmixer_utilisation"]) == (1.4, 0.048)
    assert (rm1["model"], rm1["rmixer_job_type"]) == ("rm1", None)
    assert "RMixer's" in call(capsys, "profile", "types", "--machine", "made-up").out


def test_figures_that_cannot_be_written_are_told_first(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, "criteo_dlrm", 64)
    (tmp_path / "file").touch()
    shown = ("profile", "show", "criteo_dlrm", "--machine", "made-up")
    message = refused(capsys, *shown, "--figures", tmp_path / "file" / "figures")
    assert "error: --figures: found " in message
    assert "Not a directory" in message


def test_types_of_all_but_what_is_damaged(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    keep(store, "amazon_din", 32)
    keep(store, "rm1", 256)
    (damaged,) = (store.own / "made-up").glob("rm1-*")
    (damaged / "operators.csv").write_text("")
    ended = call(capsys, "profile", "types", "--machine", "made-up", "--json")
    assert [row["model"] for row in json.loads(ended.out)] == ["amazon_din"]
    assert ended.err.count(f"left out: {damaged / 'operators.csv'}: ") == 1
    assert f"remove {damaged} and profile it again" in ended.err


def test_types_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "profile", "types", "--machine", "made-up")
    assert "nothing profiled on made-up" in message


def test_of_another_machine_a_profile_by_older_code_is_shown_and_said(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, "criteo_dlrm", 64)
    (made,) = store.profiles("made-up")
    shutil.rmtree(store.own / "made-up" / made.key)
    older = replace(made, identity=replace(made.identity, source="0123"))
    store.save(older)
    ended = call(capsys, "profile", "show", "criteo_dlrm", "--machine", "made-up", "--batch", 64)
    assert (ended.code, "criteo_dlrm, batch 64" in ended.out) == (0, True)
    assert f"{older.key}: profiled with an older version" in ended.err


def test_a_model_s_only_profile_is_shown_and_what_sets_it_apart_is_said(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tables were cut; of two, neither is chosen, and each can be named."""
    made = make_profile("dlrm_kaggle", None, [make_operator(8_000.0)], batch=64)
    cut = [replace(made, identity=replace(made.identity, rows_cap=rows)) for rows in (100, 200)]
    store.save(cut[0])
    show = ("profile", "show", "--machine", "made-up")
    ended = call(capsys, *show, "dlrm_kaggle")
    assert ended.code == 0
    assert f"{cut[0].key}: the only profile of dlrm_kaggle" in ended.err
    assert "another cap of rows" in ended.err
    store.save(cut[1])
    message = refused(capsys, *show, "dlrm_kaggle")
    assert all(profile.key in message for profile in cut)
    assert "dlrm_kaggle, batch 64" in call(capsys, *show, cut[1].key).out


def test_showing_measures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "empty"))
    assert "nothing profiled on this machine" in refused(capsys, "profile", "show", "criteo_dlrm")
    assert not (tmp_path / "empty").exists()


def test_rows_of_named_models_can_be_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A key that there is not is refused before anything is measured."""
    refused(capsys, "profile", "run", "criteo_dlrm", "--set", "rows_most=5")


def test_of_a_program_called_in_two_ways_each_is_told(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, "criteo_dlrm", 64)
    (made,) = store.profiles("made-up")
    keys = []
    for line in ("python train.py --epochs 1", "python train.py --epochs 2"):
        program = {"model": "train.py", "architecture": line, "batch": 0}
        versions = {"python": "3.11", "torch": "2.13", "gpus": 0}
        identity = replace(made.identity, **program, config=versions)
        store.save(replace(made, identity=identity))
        keys.append(replace(made, identity=identity).key)
    message = refused(capsys, "profile", "show", "train.py", "--machine", "made-up")
    assert "2 of train.py" in message
    for key, epochs in zip(keys, (1, 2), strict=True):
        assert f"{key} (python train.py --epochs {epochs})" in message
    ended = call(capsys, "profile", "show", keys[1], "--machine", "made-up")
    assert ended.code == 0, ended


def other_torch(store: Store, model: str, batch: int) -> ModelProfile:
    """A profile as an older torch measured it."""
    made = make_profile(model, [make_step()], [make_operator(8_000.0, 1_000_000)], batch)
    fingerprint = replace(made.fingerprint, hardware="Example CPU", torch="1.0")
    profile = replace(made, origin="measured", fingerprint=fingerprint)
    store.save(profile)
    return profile


def test_what_other_software_measured_is_shown_and_said(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = replace(make_machine().fingerprint, hardware="Example CPU", torch="9.9")
    machine = replace(make_machine(), fingerprint=now)
    monkeypatch.setattr(Store, "this_machine", lambda *_: machine)
    monkeypatch.setattr(Store, "known_machine", lambda *_: machine)
    monkeypatch.setattr(provenance, "take_fingerprint", lambda *_: now)
    key = other_torch(store, "ncf", 16).key
    words = f"{key}: profiled with torch 1.0 instead of 9.9"
    assert words in call(capsys, "profile", "show", "ncf", "--batch", 16).err
    assert words in call(capsys, "profile", "types").err
    run = ("profile", "run", "ncf", "--batch", 16, "--threads", 1, "--no-bubbles")
    ended = call(capsys, *run)
    assert (ended.code, ended.err.splitlines()) == (
        0,
        [words, "all of them are profiled already (--again: measure them again)"],
    )


def test_types_say_what_other_code_measured(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_profile("ncf", [make_step()], [make_operator(8_000.0, 1_000_000)], 16)
    older = replace(made, identity=replace(made.identity, source="0" * 16))
    store.save(older)
    told = call(capsys, "profile", "types", "--machine", "made-up").err
    assert f"{older.key}: profiled with an older version" in told


def test_a_profile_among_another_machines_is_refused(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(store, "ncf", 16)
    store.save_machine(replace(make_machine(), name="other"))
    (folder,) = (store.own / "made-up").glob("ncf-*")
    shutil.copytree(folder, store.own / "other" / folder.name)
    told = refused(capsys, "profile", "types", "--machine", "other")
    assert "machine: found made-up; allowed: other, among whose profiles it lies" in told
