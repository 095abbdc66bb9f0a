"""What of a machine a run may use."""

from __future__ import annotations

import pytest

from rmixer.errors import InputError
from rmixer.hardware.allowance import Allowance, allowance_of, spans
from rmixer.testing.made_up import GIB, make_machine


def test_cores_and_memory_are_left_free() -> None:
    machine = make_machine(cores=8)
    allowed = allowance_of("1-4,7", ["2cores", "1.5GiB"]).of(machine)
    assert allowed.cores == (1, 2, 3)
    assert allowed.memory_bytes == machine.memory_bytes - int(1.5 * GIB)
    assert allowed.name == machine.name
    assert Allowance().of(machine) == machine


@pytest.mark.parametrize(
    ("cores", "left", "said"),
    [
        ("0-9", [], "--cores: found 8-9; allowed: some of 0-7"),
        ("3-1", [], "--cores: found '3-1'; allowed: numbers of cores"),
        ("a", [], "--cores: found 'a'"),
        (None, ["8cores"], "--leave-free: found 8 cores; allowed: at least one core"),
        (None, ["9cores"], "--leave-free: found 9 cores; allowed: at least one core"),
        (None, ["1.5cores"], "--leave-free: found '1.5cores'"),
        (None, ["8"], "--leave-free: found '8'"),
        (None, ["9999GiB"], "--leave-free: found 9.76 TiB"),
    ],
)
def test_what_cannot_be(cores: str | None, left: list[str], said: str) -> None:
    with pytest.raises(InputError) as error:
        allowance_of(cores, left).of(make_machine(cores=8))
    assert str(error.value).startswith(said)


def test_gpus_keep_their_numbers() -> None:
    machine = make_machine(gpus=4)
    for said, names in (("3,1", ["gpu:1", "gpu:3"]), ("none", []), (" 2 ", ["gpu:2"])):
        allowed = allowance_of(None, [], said).of(machine)
        assert [device.name for device in allowed.devices] == [*names, "cpu:0"]
        assert all(gpu.name == f"made up {gpu.number}" for gpu in allowed.gpus)
    assert allowance_of(None, [], None).of(machine) == machine


@pytest.mark.parametrize(
    ("gpus", "has", "said"),
    [
        ("1,4", 2, "--gpus: found 4; allowed: none, or some of 0-1"),
        ("0", 0, "--gpus: found 0; allowed: none: made-up has no GPU that these jobs can use"),
        ("all", 2, "--gpus: found 'all'; allowed: none, or numbers of GPUs like 0,1"),
        ("", 2, "--gpus: found ''; allowed: none, or numbers of GPUs like 0,1"),
    ],
)
def test_gpus_that_cannot_be(gpus: str, has: int, said: str) -> None:
    for asked in (Allowance.of, Allowance.measured):
        with pytest.raises(InputError) as error:
            asked(allowance_of(None, [], gpus), make_machine(gpus=has))
        assert str(error.value) == said


def test_where_no_gpu_may_be_used_none_is_profiled() -> None:
    machine = make_machine(gpus=2)
    measured = {
        text: len(allowance_of(None, [], text).measured(machine).gpus)
        for text in ("none", "1", None)
    }
    assert measured == {"none": 0, "1": 2, None: 2}


def test_numbers_as_ranges() -> None:
    assert spans((0, 1, 2, 5, 7, 8)) == "0-2,5,7-8"
