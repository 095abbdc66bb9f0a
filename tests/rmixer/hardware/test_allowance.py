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
        (None, ["1.5cores"], "--leave-free: found '1.5cores'"),
        (None, ["8"], "--leave-free: found '8'"),
        (None, ["9999GiB"], "--leave-free: found 9.76 TiB"),
    ],
)
def test_what_cannot_be(cores: str | None, left: list[str], said: str) -> None:
    with pytest.raises(InputError) as error:
        allowance_of(cores, left).of(make_machine(cores=8))
    assert str(error.value).startswith(said)


def test_numbers_as_ranges() -> None:
    assert spans((0, 1, 2, 5, 7, 8)) == "0-2,5,7-8"
