"""Profiles of other hardware or software are used, and it is said."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest

from profiles.stored import provenance
from profiles.stored.provenance import differences, report_provenance
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import make_machine, make_profile

HERE = take_fingerprint("Example CPU", "550.1")


def machine() -> Machine:
    return replace(make_machine(), origin="measured", fingerprint=HERE)


def profile(model: str = "criteo_dlrm", **changes: str) -> ModelProfile:
    made = make_profile(model)
    return replace(made, origin="measured", fingerprint=replace(HERE, **changes))


def said(
    profiles: list[ModelProfile], is_this_one: bool = True, driver: str = HERE.driver
) -> list[str]:
    """With ``driver`` installed here now."""
    lines: list[str] = []
    with mock.patch.object(provenance, "driver_version", return_value=driver):
        report_provenance(profiles, machine(), is_this_one, lines.append)
    return lines


def test_of_the_same_hardware_and_software_nothing_is_said() -> None:
    """Whatever the commit and the kernel."""
    assert said([profile(), profile(commit="0123", system="Linux 9")]) == []


def test_the_driver_is_the_one_that_is_installed_now() -> None:
    """Not the one of the day the machine was measured; one that nothing tells is not compared."""
    (line,) = said([profile()], driver="560.2")
    assert "driver 550.1 instead of 560.2" in line
    assert said([profile()], driver="") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"torch": "1.0"}, f"torch 1.0 instead of {HERE.torch}"),
        ({"python": "3.9"}, f"python 3.9 instead of {HERE.python}"),
        ({"hardware": "Other CPU"}, "hardware Other CPU instead of Example CPU"),
        ({"driver": "1", "training": "x"}, "driver 1 instead of 550.1, training x instead of"),
    ],
)
def test_what_differs_is_said(changes: dict[str, str], words: str) -> None:
    found = profile(**changes)
    (line,) = said([found])
    assert line.startswith(f"{found.key}: profiled with {words}")


def test_one_line_for_all_that_differ_alike() -> None:
    models = ("criteo_dlrm", "criteo_deepfm", "amazon_din")
    (line,) = said([profile(model, torch="1.0") for model in models])
    assert line.startswith(f"{profile(models[0]).key} and 2 more: profiled with torch 1.0 instead")


def test_of_another_machine_only_the_hardware_is_compared() -> None:
    """Its software is not this process's."""
    found = profile(torch="1.0", hardware="Other CPU")
    (line,) = said([found], is_this_one=False)
    assert line.endswith("profiled with hardware Other CPU instead of Example CPU")


def test_modelled_profiles_come_from_nowhere() -> None:
    assert said([replace(profile(torch="1.0"), origin="modelled")]) == []


def test_what_was_not_recorded_is_not_compared() -> None:
    assert differences(replace(HERE, driver=""), HERE, ("driver",)) == ()


def test_what_was_measured_on_a_shared_machine_says_so() -> None:
    other = "`rmixer run b.yaml` (process 7)"
    shared = replace(HERE, shared_with=(other,))
    machine = replace(make_machine(), fingerprint=shared)
    profile = replace(make_profile("criteo_dlrm"), fingerprint=shared)
    said: list[str] = []
    report_provenance(iter([profile, make_profile("amazon_din")]), machine, False, said.append)
    assert [line for line in said if "measured while" in line] == [
        f"machine {machine.name}: measured while {other} used the same cores "
        "(`rmixer machine --again`)",
        f"{profile.key}: measured while {other} used the same cores (`rmixer profile run --again`)",
    ]
