"""Fingerprints: the same hardware has one id; the commit is that of our own repository."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from rmixer.hardware import fingerprint
from rmixer.hardware.fingerprint import take_fingerprint


def test_a_fingerprint_names_this_software() -> None:
    taken = take_fingerprint("Example CPU, 4 cores", driver="550.1")
    assert (taken.hardware, taken.driver) == ("Example CPU, 4 cores", "550.1")
    assert taken.python.startswith("3.")
    assert taken.torch
    assert taken.rmixer
    assert "passive waiting on shared cores only" in taken.training


def test_the_same_hardware_has_the_same_id() -> None:
    # blake2b of '"Example CPU, 4 cores"', computed apart from the code under test.
    assert take_fingerprint("Example CPU, 4 cores").hardware_id == "5a96e0c9"
    assert take_fingerprint("Other CPU").hardware_id != "5a96e0c9"


@pytest.mark.parametrize(
    ("answer", "code", "commit"),
    [
        ("rmixer/\n0123456789ab\n", 0, "0123456789ab"),
        ("venv/lib/site-packages/rmixer/\n0123456789ab\n", 0, ""),
        ("\n0123456789ab\n", 0, ""),
        ("", 128, ""),
    ],
)
def test_the_commit_of_a_repository_that_only_holds_the_installation_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, answer: str, code: int, commit: str
) -> None:
    done = SimpleNamespace(stdout=answer, returncode=code)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: done)
    fingerprint._commit.cache_clear()
    assert take_fingerprint("x").commit == commit
    fingerprint._commit.cache_clear()


def test_a_machine_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    fingerprint._commit.cache_clear()
    assert take_fingerprint("x").commit == ""
    fingerprint._commit.cache_clear()
