"""Slots of a machine and the cores that are theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specimens import MACHINE

from rmixer.errors import InputError
from rmixer.scheduling.layout import DeviceSlots, Layout, even_layout

CPU_ONLY = replace(MACHINE, gpus=())


def test_slots_take_the_cores_one_after_another() -> None:
    layout = Layout((DeviceSlots("gpu:0", 1, 2), DeviceSlots("cpu:0", 2, 1)))
    cores = [layout.cores(MACHINE, *place) for place in (("gpu:0", 0), ("cpu:0", 0), ("cpu:0", 1))]
    assert cores == [(0, 1), (4,), (5,)]


def test_slots_in_turn_begin_again_with_the_first_core() -> None:
    layout = Layout((DeviceSlots("cpu:0", 6, 1),), in_turn=True)
    cores = [layout.cores(MACHINE, "cpu:0", slot) for slot in range(6)]
    assert cores == [(0,), (1,), (4,), (5,), (0,), (1,)]


def test_the_cores_of_a_device_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        Layout((DeviceSlots("cpu:0", 1, 1),)).cores(MACHINE, "gpu:0", 0)


def test_an_even_layout_uses_the_gpus_or_else_the_cpu() -> None:
    assert even_layout(MACHINE, 2, 1) == Layout(
        (DeviceSlots("gpu:0", 2, 1), DeviceSlots("gpu:1", 2, 1))
    )
    assert even_layout(CPU_ONLY, 2, 1) == Layout((DeviceSlots("cpu:0", 2, 1),))


@given(
    entries=st.permutations(["gpu:0", "gpu:1", "cpu:0"]).flatmap(
        lambda names: st.tuples(
            *(
                st.builds(DeviceSlots, st.just(n), st.integers(1, 3), st.integers(1, 3))
                for n in names
            )
        )
    ),
    cores=st.integers(1, 30),
)
def test_no_core_has_two_slots_where_the_layout_passes(
    entries: tuple[DeviceSlots, ...], cores: int
) -> None:
    machine = replace(MACHINE, cores=tuple(range(100, 100 + cores)))
    layout = Layout(entries)
    places = [(entry.device, slot) for entry in entries for slot in range(entry.slots)]
    if sum(entry.slots * entry.threads for entry in entries) > cores:
        with pytest.raises(InputError, match=r"slots x threads: found .*; allowed: at most the"):
            layout.check(machine, "--slots")
        return
    layout.check(machine, "--slots")
    used = [core for place in places for core in layout.cores(machine, *place)]
    assert len(used) == len(set(used)) == sum(e.slots * e.threads for e in entries)
    assert set(used) <= set(machine.cores)


def test_a_layout_for_another_machine_is_refused() -> None:
    elsewhere = Layout((DeviceSlots("gpu:2", 1, 1),))
    with pytest.raises(InputError, match=r"'gpu:2'; allowed: a device of example: cpu:0, gpu:0, g"):
        elsewhere.check(MACHINE, "schedule.json")
    twice = Layout((DeviceSlots("cpu:0", 1, 1), DeviceSlots("cpu:0", 1, 1)))
    with pytest.raises(InputError, match="'cpu:0' twice; allowed: each device once"):
        twice.check(MACHINE, "schedule.json")


def test_slots_in_turn_may_outnumber_the_cores() -> None:
    Layout((DeviceSlots("cpu:0", 50, 1),), in_turn=True).check(MACHINE, "schedule.json")
