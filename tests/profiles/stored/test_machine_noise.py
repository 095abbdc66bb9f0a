"""How far two executions of one schedule differ is kept for the machine they were made on."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest

from profiles.machines import limits
from profiles.stored.machine_noise import FILE, KEPT, Executions
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import write_yaml
from rmixer.hardware.machine import Machine
from rmixer.testing.made_up import make_machine


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "own", tmp_path / "recorded")


@pytest.fixture
def here(store: Store) -> Machine:
    """This machine, as if it had been measured."""
    machine = replace(
        make_machine(cores=len(limits.usable_cores()), memory_bytes=limits.usable_memory_bytes()),
        cores=limits.usable_cores(),
        processor=limits.processor_name(),
        origin="measured",
    )
    store.save_machine(machine)
    return machine


def executed(first_s: float, second_s: float, workload: str = "queue") -> Executions:
    return Executions(workload, "dyType", (first_s, second_s))


def test_the_root_mean_square_of_how_far_pairs_are_apart(store: Store, here: Machine) -> None:
    assert store.noise(here) == 0.0
    store.keep_noise(here, executed(103.0, 100.0))
    assert store.noise(here) == pytest.approx(0.03)
    store.keep_noise(here, executed(96.0, 100.0))
    assert store.noise(here) == pytest.approx(sqrt((0.03**2 + 0.04**2) / 2))


def test_a_run_that_is_validated_again_counts_once(store: Store, here: Machine) -> None:
    for first_s in (103.0, 100.0, 103.0):
        store.keep_noise(here, executed(first_s, 100.0))
    assert store.noise(here) == pytest.approx(0.03 / sqrt(2))


def test_only_the_last_count(store: Store, here: Machine) -> None:
    store.keep_noise(here, executed(200.0, 100.0))
    for index in range(KEPT):
        store.keep_noise(here, executed(101.0, 100.0, f"queue-{index}"))
    assert store.noise(here) == pytest.approx(0.01)


def test_it_is_of_this_machine_alone(store: Store, here: Machine, tmp_path: Path) -> None:
    """Of one of the same name and make that was measured elsewhere nothing is kept, and what is
    kept is used for no other: not where its folder is given, nor where cores are supposed."""
    store.keep_noise(replace(here, probe_s=0.06), executed(103.0, 100.0))
    assert store.noise(here) == 0.0
    store.keep_noise(replace(here, gpus=make_machine(gpus=1).gpus), executed(103.0, 100.0))
    assert store.noise(here) == pytest.approx(0.03)
    assert store.noise(replace(here, name=f"{here.name}+cores=4")) == 0.0
    hardware = replace(here.fingerprint, hardware="with another processor")
    assert store.noise(replace(here, fingerprint=hardware)) == 0.0
    write_yaml(tmp_path / "theirs" / "machine.yaml", here)
    theirs = store.machine(str(tmp_path / "theirs"))
    assert store.noise(theirs) == 0.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("103.0", "-1", "executions.0.makespans_s.0: found -1; allowed: a number > 0"),
        ('"made-up"', '"another"', "machine: found 'another'; allowed: 'made-up', its folder's n"),
        ('"schema_version": 1', '"schema_version": 2', "schema_version: found 2; allowed: 1"),
    ],
)
def test_a_file_that_is_wrong(
    store: Store, here: Machine, old: str, new: str, message: str
) -> None:
    store.keep_noise(here, executed(103.0, 100.0))
    path = store.own / here.name / FILE
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        store.noise(here)
    assert str(error.value).startswith(f"{path}: {message}")
    store.keep_noise(here, executed(102.0, 100.0))
    assert store.noise(here) == pytest.approx(0.02), "the damaged file is replaced"
