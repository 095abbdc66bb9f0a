"""Which devices jobs run on."""

from __future__ import annotations

from dataclasses import replace

from rmixer.scheduling.devices import devices_in_use, devices_with_slots
from rmixer.testing.made_up import make_machine, make_profile, make_step

MACHINE = make_machine(gpus=2)
ON_CPU, ON_BOTH = make_profile(), make_profile(steps=[make_step(), make_step("gpu")])


def test_jobs_run_on_gpus_that_a_profile_has_figures_for() -> None:
    assert devices_in_use(MACHINE, [ON_BOTH, ON_BOTH]) == MACHINE
    assert devices_in_use(MACHINE, [ON_BOTH, ON_CPU]) == MACHINE
    assert devices_in_use(MACHINE, [ON_CPU]) == replace(MACHINE, gpus=())


def test_gpus_have_the_slots_where_there_are_any() -> None:
    assert [device.name for device in devices_with_slots(MACHINE)] == ["gpu:0", "gpu:1"]
    assert [device.name for device in devices_with_slots(make_machine())] == ["cpu:0"]
