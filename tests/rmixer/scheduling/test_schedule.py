"""``schedule.json``: read as written, and refused where it cannot be carried out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from specimens import MACHINE

from rmixer.errors import InputError
from rmixer.files.typed_files import write_json
from rmixer.policies import make_policy
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.schedule import ScheduledJob, read_schedule, schedule_of
from rmixer.workload.workload import Job, Workload

JOBS = tuple(Job(name, "amazon_din", 10, 32, "sgd", 0.85, 0) for name in ("a", "b", "c"))
WORKLOAD = Workload("queue", 0, JOBS)
LAYOUT = Layout((DeviceSlots("gpu:0", 1, 2), DeviceSlots("cpu:0", 2, 1)))
BOOKINGS = [
    Booking(1, "b", ("cpu:0",), 1, (5,), "device", "", 1, 100),
    Booking(0, "a", ("gpu:0",), 0, (0, 1), "device", "", 1, 100),
    Booking(2, "c", ("cpu:0",), 1, (5,), "device", "", 1, 100),
]
SCHEDULE = schedule_of(WORKLOAD, MACHINE, make_policy("dyType", 3), LAYOUT, BOOKINGS)


def test_a_schedule_is_what_was_booked_in_order() -> None:
    assert SCHEDULE.dispatches == (
        ScheduledJob(0, 0, "a", ("gpu:0",), 0, 2, "device", "process"),
        ScheduledJob(1, 0, "b", ("cpu:0",), 1, 1, "device", "process"),
        ScheduledJob(2, 0, "c", ("cpu:0",), 1, 1, "device", "process"),
    )
    assert (SCHEDULE.policy, SCHEDULE.settings.seed, SCHEDULE.machine) == ("dyType", 3, "example")
    assert SCHEDULE.workload_hash == WORKLOAD.hash


def test_a_schedule_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "schedule.json", SCHEDULE)
    assert read_schedule(tmp_path / "schedule.json") == SCHEDULE
    SCHEDULE.check(WORKLOAD, MACHINE, "schedule.json")


def test_the_keys_of_the_file(tmp_path: Path) -> None:
    write_json(tmp_path / "schedule.json", SCHEDULE)
    data = json.loads((tmp_path / "schedule.json").read_text())
    keys = "schema_version workload_hash machine policy settings dispatches"
    assert set(data) == set(keys.split())
    keys = "order round job devices slot threads placement sharing barrier batch"
    assert set(data["dispatches"][0]) == set(keys.split())


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (
            1,
            {"devices": ("gpu:7",)},
            "dispatches.1.devices: found 'gpu:7'; allowed: a device of ex",
        ),
        (1, {"devices": ("gpu:1",)}, "dispatches.1.devices: found 'gpu:1'; allowed: a device of s"),
        (1, {"slot": 2}, "dispatches.1.slot: found 2; allowed: a slot of cpu:0: 0 to 1"),
        (0, {"threads": 3}, "dispatches.0.threads: found 3; allowed: at most 2, the threads of a"),
        (2, {"job": "b"}, "dispatches.2.job: found 'b', as in dispatches.1; allowed: every job"),
        (2, {"job": "d"}, "dispatches.2.job: found 'd'; allowed: a job of the workload: one of a"),
        (2, {"order": 1}, "dispatches.2.order: found 1, as in dispatches.1; allowed: every order"),
    ],
)
def test_a_dispatch_that_cannot_be_carried_out(
    index: int, change: dict[str, Any], message: str
) -> None:
    dispatches = list(SCHEDULE.dispatches)
    dispatches[index] = replace(dispatches[index], **change)
    with pytest.raises(InputError) as error:
        replace(SCHEDULE, dispatches=tuple(dispatches)).check(WORKLOAD, MACHINE, "s.json")
    assert str(error.value).startswith(f"s.json: {message}")


def test_a_schedule_that_leaves_a_job_out() -> None:
    short = replace(SCHEDULE, dispatches=SCHEDULE.dispatches[:1])
    with pytest.raises(InputError, match="dispatches: found nothing for b, c; allowed: every job"):
        short.check(WORKLOAD, MACHINE, "s.json")


def test_a_schedule_of_another_workload() -> None:
    other = Workload("queue", 0, (replace(JOBS[0], steps=11), *JOBS[1:]))
    with pytest.raises(InputError, match=r"workload_hash: .*, the hash of workload 'queue'"):
        SCHEDULE.check(other, MACHINE, "s.json")


def test_a_schedule_for_more_cores_than_there_are() -> None:
    small = replace(MACHINE, cores=(0,))
    with pytest.raises(
        InputError, match=r"settings.layout: slots x threads: found 4; allowed: at m"
    ):
        SCHEDULE.check(WORKLOAD, small, "s.json")


def test_a_schedule_for_a_machine_without_its_gpu() -> None:
    with pytest.raises(InputError, match=r"dispatches.0.devices: found 'gpu:0'; .* example: cpu:0"):
        SCHEDULE.check(WORKLOAD, replace(MACHINE, gpus=()), "s.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 9}, "schema_version: found 9; allowed: 1"),
        ({"dispatches": [{"order": -1}]}, "dispatches.0.order: found -1; allowed: a whole numb"),
        ({"dispatches": 3}, "dispatches: found 3; allowed: a list"),
        ({"settings": {"seed": 0}}, "settings.layout: found nothing"),
        ({"settings": {"seed": 0, "layout": {"devices": []}}}, "settings.layout.devices: found []"),
        ({"polcy": "x"}, "polcy: found an unknown key with value 'x'; allowed: did you mean 'poli"),
    ],
)
def test_a_file_that_is_no_schedule(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "schedule.json"
    write_json(path, SCHEDULE)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError) as error:
        read_schedule(path)
    assert str(error.value).startswith(f"{path}: {message}")
