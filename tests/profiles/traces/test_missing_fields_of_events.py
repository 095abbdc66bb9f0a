"""What events of a trace are without, all of them or most, however few they are: two steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from gpu_trace import Event, two_steps, write_trace

from profiles.traces.imported import Wanted, import_trace
from profiles.traces.left_out import warnings_of
from profiles.traces.trace_events import DEVICE_WORK
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile

ON_DEVICE = [each for each in two_steps() if each["cat"] in DEVICE_WORK]


def imported(folder: Path, events: list[Event], partial: bool = False) -> ImportedProfile:
    return import_trace(write_trace(folder / "t.json", events), "t", Wanted(partial=partial))


def without(*keys: str) -> list[Event]:
    """The two steps, none of whose events has one of ``keys`` among its arguments."""
    return [
        {**each, "args": {key: value for key, value in each["args"].items() if key not in keys}}
        for each in two_steps()
    ]


def test_with_all_of_them_nothing_is_told(tmp_path: Path) -> None:
    assert not [text for text in warnings_of(imported(tmp_path, two_steps())) if "no oper" in text]


def test_fields_that_an_imported_profile_can_do_without(tmp_path: Path) -> None:
    found = imported(tmp_path, without("Input Dims"))
    assert [text for text in warnings_of(found) if "no operator" in text] == [
        "t: no operator has Input Dims and Input type, so FLOPs and bytes are unknown: record "
        "with `record_shapes=True`"
    ]
    assert {row.flops for row in found.operators} == {None}
    found = imported(tmp_path, without("Sequence number"))
    told = "t: no operator has a Sequence number that ties a backward one to its forward one"
    assert told in warnings_of(found)


@pytest.mark.parametrize("key", ["pid", "tid"])
def test_an_event_of_no_thread_is_refused(tmp_path: Path, key: str) -> None:
    events = [{name: value for name, value in e.items() if name != key} for e in two_steps()]
    with pytest.raises(InputError, match=rf"traceEvents.0.{key} \(ProfilerStep#1\): found nothing"):
        imported(tmp_path, events)


@pytest.mark.parametrize(("share", "refused"), [(1.0, True), (0.6, True), (0.1, False)])
def test_work_of_which_nothing_says_who_launched_it(
    tmp_path: Path, share: float, refused: bool
) -> None:
    """Of less than a half the share that is left out decides."""
    count = round(share * len(ON_DEVICE))
    lost = [(each["ts"], each["name"]) for each in ON_DEVICE[-count:]]
    events = [
        {**each, "args": {"device": 0}} if (each["ts"], each["name"]) in lost else each
        for each in two_steps()
    ]
    if refused:
        said = f"{count} of 12 events of a GPU without correlation and External id"
        with pytest.raises(InputError, match=said):
            imported(tmp_path, events)
    assert imported(tmp_path, events, partial=refused).steps_found == 2


def test_events_of_no_category_are_told(tmp_path: Path) -> None:
    events = [
        {k: v for k, v in e.items() if k != "cat" or e["name"] != "axpy"} for e in two_steps()
    ]
    found = imported(tmp_path, events)
    assert found.other_devices == {"(none)": 2}
    assert any("of the categories (none) (2) are left out" in text for text in warnings_of(found))
