"""The machine file and what follows from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from specimens import MACHINE

from rmixer.errors import InputError
from rmixer.files.typed_files import write_yaml
from rmixer.hardware.machine import Device, read_machine


def test_a_machine_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_yaml(tmp_path / "machine.yaml", MACHINE)
    assert read_machine(tmp_path / "machine.yaml") == MACHINE


def test_what_only_earlier_releases_measured_is_left_out(tmp_path: Path) -> None:
    assert read_machine(written(tmp_path, radix_sort_ns=[7.0, 4.0, 3.0, 2.0])) == MACHINE


def test_devices_are_the_gpus_and_then_the_cpu() -> None:
    assert MACHINE.devices == (
        Device("gpu:0", "gpu", 80 << 30),
        Device("gpu:1", "gpu", 16 << 30),
        Device("cpu:0", "cpu", 8 << 30),
    )


@pytest.mark.parametrize(
    ("busy", "speed"), [(0, 1.0), (1, 1.0), (2, 0.95), (3, 0.8), (4, 0.75), (9, 0.75)]
)
def test_a_core_is_slower_the_more_of_them_are_busy(busy: int, speed: float) -> None:
    assert MACHINE.capacity(busy) == pytest.approx(speed)


def test_a_measured_speed_up_in_company_is_noise() -> None:
    noisy = replace(MACHINE, core_capacity=(1.0, 2.2, 2.4, 3.0))
    assert noisy.capacity(2) == 1.0


def written(tmp_path: Path, **changes: Any) -> Path:
    """The machine file with some keys changed, or left out where the value is ``...``."""
    path = tmp_path / "machine.yaml"
    write_yaml(path, MACHINE)
    data = {**yaml.safe_load(path.read_text()), **changes}
    write_yaml(path, {key: value for key, value in data.items() if value is not ...})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version: found 2; allowed: 1, the version this release"),
        ({"schema_version": ...}, "schema_version: found nothing; allowed: 1"),
        ({"schema_version": True}, "schema_version: found true; allowed: 1"),
        ({"schema_version": "1"}, "schema_version: found '1'; allowed: 1"),
        ({"cores": []}, "cores: found []; allowed: a list of 1 or more"),
        ({"cores": [0, 0, 1, 2]}, "cores: found [0, 0, 1, 2]; allowed: the ids of cores, each"),
        ({"cores": [0, 1]}, "core_capacity: found 4 values; allowed: one for each of 2 core"),
        ({"bandwidth_gbps": [1.0]}, "bandwidth_gbps: found 1 values; allowed: one for each of 4"),
        ({"exchange_us": [0.0, 40.0]}, "exchange_us: found 2 values; allowed: one for each of 4"),
        ({"exchange_us": [0, 40, -1, 50]}, "exchange_us.2: found -1; allowed: a number"),
        ({"core_capacity": [0.9, 1, 1, 1]}, "core_capacity.0: found 0.9; allowed: 1: what it"),
        ({"core_capacity": [1, 2, 3.1, 4]}, "core_capacity.2: found 3.1; allowed: at most 3"),
        ({"memory_bytes": 0}, "memory_bytes: found 0; allowed: a whole number > 0"),
        ({"memory_bytes": "8 GB"}, "memory_bytes: found '8 GB'; allowed: a whole number"),
        ({"probe_s": float("nan")}, "probe_s: found null; allowed: a number"),
        ({"origin": "guessed"}, "origin: found 'guessed'; allowed: 'measured' or 'modelled'"),
        ({"corse": []}, "corse: found an unknown key with value []; allowed: did you mean 'cores'"),
        ({"gpus": [{"name": "x"}]}, "gpus.0.memory_bytes: found nothing"),
        ({"gpus": [{"nmae": "x"}]}, "gpus.0.nmae: found an unknown key"),
        ({"processor": ...}, "processor: found nothing; allowed: a value"),
    ],
)
def test_a_machine_file_that_is_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        read_machine(path)
    assert re.sub("line [0-9]+: ", "", str(error.value)).startswith(f"{path}: {message}")


@pytest.mark.parametrize("text", ["", "- a", "hello"])
def test_a_file_that_is_no_machine(tmp_path: Path, text: str) -> None:
    (tmp_path / "machine.yaml").write_text(text)
    with pytest.raises(InputError, match="allowed: a mapping with schema_version"):
        read_machine(tmp_path / "machine.yaml")
