"""Slots of a machine and the cores that are theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specimens import MACHINE

from rmixer.errors import InputError
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout, even_layout

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


def test_a_cut_makes_the_slots_of_each_gpu_and_of_the_cpu() -> None:
    """Two GPUs of one slot and a CPU of two: the machine's four cores, one a slot."""
    layout = Cut(gpu_slots=1, cpu_slots=2).layout(MACHINE)
    assert layout == Layout(
        (DeviceSlots("gpu:0", 1, 1), DeviceSlots("gpu:1", 1, 1), DeviceSlots("cpu:0", 2, 1))
    )
    assert Cut(gpu_slots=1, cpu_slots=2).cores(MACHINE) == 4
    assert Cut(1, 1, 1, 2).layout(CPU_ONLY) == Layout((DeviceSlots("cpu:0", 1, 2),))


@pytest.mark.parametrize(
    ("cut", "text"),
    [
        (Cut(4, 2, 1, 3), "GPU 4 × 1, CPU 2 × 3"),
        (Cut(4, 0, 1, 0), "GPU 4 × 1"),
        (Cut(0, 2, 0, 3), "CPU 2 × 3"),
    ],
)
def test_a_cut_is_read_off_a_layout_and_printed(cut: Cut, text: str) -> None:
    machine = replace(MACHINE, cores=tuple(range(20)))
    assert Cut.of(cut.layout(machine)) == cut
    assert str(cut) == text


def test_a_cut_that_the_machine_does_not_have() -> None:
    with pytest.raises(InputError, match="no slots: 0 a GPU, 0 on the CPU; allowed: at least one"):
        Cut().layout(MACHINE)
    with pytest.raises(InputError, match=r"no slots: 3 a GPU, 0 on the CPU; .* a CPU alone"):
        Cut(gpu_slots=3).layout(CPU_ONLY)
    with pytest.raises(InputError, match=r"slots and threads: .*found 5; allowed: at most the 4"):
        Cut(gpu_slots=2, cpu_slots=1).layout(MACHINE)


def test_a_layout_takes_the_most_threads_that_are_profiled_of_each_kind() -> None:
    """Three threads a slot: of 1, 2 and 4 it is 2. A kind of which nothing is known keeps its."""
    layout = Layout((DeviceSlots("gpu:0", 1, 3), DeviceSlots("cpu:0", 2, 3)))
    found = layout.profiled({"cpu": [1, 2, 4]})
    assert found == Layout((DeviceSlots("gpu:0", 1, 3), DeviceSlots("cpu:0", 2, 2)))
    assert layout.profiled({"cpu": [4], "gpu": [1]}).devices[1].threads == 3
