"""A machine as it might be: what changes, what stays, and what cannot be supposed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specimens import MACHINE

from rmixer.errors import InputError
from rmixer.files.typed_files import parse, plain, write_yaml
from rmixer.hardware.machine import Machine, read_machine
from rmixer.hardware.what_if import GIB, WhatIf, continued, what_if_of

RECORDED = Path(__file__).resolve().parents[3] / "profiles" / "recorded"


def test_gpus_are_copies_of_the_first() -> None:
    found = WhatIf(gpus=4).machine_of(MACHINE)
    assert found.gpus == (MACHINE.gpus[0],) * 4
    assert [device.name for device in found.devices] == [*(f"gpu:{i}" for i in range(4)), "cpu:0"]
    assert found == replace(MACHINE, name="example+gpus=4", gpus=found.gpus)
    assert WhatIf(gpus=0).machine_of(MACHINE).gpus == ()


def test_more_cores_go_on_with_the_last_slope() -> None:
    """By hand: capacity grows by 0.6 a core, bandwidth by 22.49999, matrix products by 40."""
    found = WhatIf(cores=6).machine_of(MACHINE)
    assert found.cores == (0, 1, 4, 5, 2, 3)
    assert found.core_capacity == pytest.approx((1.0, 1.9, 2.4, 3.0, 3.6, 4.2))
    assert found.bandwidth_gbps[4:] == pytest.approx((44.99999, 67.49998))
    assert found.matmul_gflops[4:] == pytest.approx((230.0, 270.0))
    assert found.exchange_us == ()
    assert (found.sockets, found.memory_bytes) == (MACHINE.sockets, MACHINE.memory_bytes)


def test_fewer_cores_are_the_first_of_them() -> None:
    found = WhatIf(cores=2).machine_of(MACHINE)
    assert (found.cores, found.core_capacity) == ((0, 1), (1.0, 1.9))
    assert found.matmul_gflops == (60.0, 118.0)


def test_k_cores_do_at_most_k_times_what_one_does() -> None:
    steep = replace(MACHINE, core_capacity=(1.0, 1.5, 2.0, 3.5))
    assert WhatIf(cores=7).machine_of(steep).core_capacity[4:] == (5.0, 6.0, 7.0)


def test_times_that_fall_with_the_cores_are_held() -> None:
    for known, more in (
        ((0.0, 40.0, 50.0, 55.0), (60.0, 65.0)),
        ((0.0, 9.0, 8.0, 6.0), (6.0, 6.0)),
    ):
        found = WhatIf(cores=6).machine_of(replace(MACHINE, exchange_us=known))
        assert found.exchange_us == (*known, *more)


def test_what_the_last_slope_would_have_said_of_a_machine_that_was_measured() -> None:
    """Half of its cores continued to all of them: docs/how-to/what_if.md says how far off."""
    measured = read_machine(RECORDED / "h100-16c" / "machine.yaml")
    found = WhatIf(cores=16).machine_of(WhatIf(cores=8).machine_of(measured))
    off = {
        name: getattr(found, name)[-1] / getattr(measured, name)[-1] - 1
        for name in ("core_capacity", "bandwidth_gbps", "matmul_gflops")
    }
    assert {name: round(100 * each) for name, each in off.items()} == {
        "core_capacity": -11,
        "bandwidth_gbps": 26,
        "matmul_gflops": 27,
    }


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.integers(1, 40))
def test_a_continued_curve_never_falls(curve: list[float], count: int) -> None:
    found = continued(curve, count, at_none=0.0)
    assert len(found) == count
    assert found[: len(curve)] == tuple(curve[:count])
    beyond = found[len(curve) - 1 :]
    assert list(beyond) == sorted(beyond)


def test_a_faster_gpu_has_higher_rates_and_the_same_launches() -> None:
    first, unmeasured = WhatIf(gpu_speed=1.5).machine_of(MACHINE).gpus
    assert (first.bandwidth_gbps, first.link_gbps, first.matmul_gflops) == (4500.0, 37.5, 75_000.0)
    assert (first.launch_us, first.memory_bytes) == (4.5, 80 << 30)
    assert unmeasured == MACHINE.gpus[1]


def test_memory_of_the_machine_and_of_every_gpu() -> None:
    found = WhatIf(gpu_memory_gib=24, memory_gib=64.5).machine_of(MACHINE)
    assert found.memory_bytes == 64 * GIB + GIB // 2
    assert {gpu.memory_bytes for gpu in found.gpus} == {24 * GIB}


def test_its_name_says_what_is_supposed() -> None:
    everything = WhatIf(4, 64, 24.0, 64.0, 1.5)
    found = everything.machine_of(MACHINE)
    assert found.name == ("example+gpus=4+cores=64+gpu.memory_gib=24+memory_gib=64+gpu.speed=1.5")
    assert found.in_words.startswith("example, what if gpus=4, cores=64, ")
    assert MACHINE.in_words == "example"
    assert parse(plain(found), Machine, "config.yaml") == found
    assert WhatIf().machine_of(MACHINE) is MACHINE


def test_no_machine_that_exists_has_such_a_name(tmp_path: Path) -> None:
    write_yaml(tmp_path / "machine.yaml", WhatIf(gpus=4).machine_of(MACHINE))
    with pytest.raises(InputError, match="allowed: the name of a machine that exists"):
        read_machine(tmp_path / "machine.yaml")


@pytest.mark.parametrize(
    ("what_if", "message"),
    [
        (WhatIf(gpus=1), "machine.gpus: found 1; allowed: 0: example has no GPU"),
        (WhatIf(gpu_speed=2.0), "machine.gpu.speed: found 2.0; allowed: none"),
        (WhatIf(gpus=0, gpu_memory_gib=8), "machine.gpu.memory_gib: found 8; allowed: none"),
    ],
)
def test_a_machine_without_a_gpu_cannot_get_one(what_if: WhatIf, message: str) -> None:
    with pytest.raises(InputError, match=message):
        what_if.machine_of(replace(MACHINE, gpus=()))


def test_gpus_that_are_taken_away_cannot_be_fast() -> None:
    with pytest.raises(InputError, match=r"gpu\.speed.*left without a GPU"):
        WhatIf(gpus=0, gpu_speed=2.0).machine_of(MACHINE)


@pytest.mark.parametrize(
    ("key", "wrong", "allowed"),
    [
        ("machine.gpus", ("-1", "1.5", "four", "257", "9" * 5000, ""), "from 0 to 256"),
        ("machine.cores", ("0", "-2", "2.0", "4097"), "from 1 to 4096"),
        ("machine.memory_gib", ("0", "-1", "nan", "inf", "much"), "> 0 and at most 1048576"),
        ("machine.gpu.memory_gib", ("0", "1e300"), "> 0 and at most 1048576"),
        ("machine.gpu.speed", ("0", "-1", "nan", "inf", "1e-9", "1e9"), "from 0.001 to 1000"),
    ],
)
def test_values_that_cannot_be_meant(key: str, wrong: tuple[str, ...], allowed: str) -> None:
    for text in wrong:
        with pytest.raises(InputError, match=f"--set: {key}: found .*; allowed: .*{allowed}"):
            what_if_of({key: text})


def test_values_are_read() -> None:
    given = {"machine.gpus": "0", "machine.cores": "64", "machine.gpu.speed": "0.5"}
    assert what_if_of(given) == WhatIf(gpus=0, cores=64, gpu_speed=0.5)
    assert what_if_of(given).settings == {
        "machine.gpus": 0,
        "machine.cores": 64,
        "machine.gpu.speed": 0.5,
    }
