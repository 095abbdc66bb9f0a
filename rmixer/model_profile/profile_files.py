"""A profile's files: ``summary.json`` and ``operators.csv``, checked when they are read,
and upgraded if an earlier release wrote them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

from rmixer.errors import InputError
from rmixer.files.csv_rows import table_text
from rmixer.files.typed_files import (
    check_checksum,
    content_hash,
    load_json,
    parse,
    plain,
    write_json,
    write_text,
)
from rmixer.hardware.machine import check_schema
from rmixer.model_profile.model_profile import SCHEMA_VERSION, ModelProfile
from rmixer.model_profile.profile_checks import check_operators, check_summary
from rmixer.operators.operator_cost import OperatorCost
from rmixer.operators.operator_table import (
    COLUMNS,
    GPU_COLUMNS,
    check_together,
    check_work,
    operator_table,
    read_operators,
)

FORMER: Final = (2, 3)
"""The versions that can be upgraded. In 2 each step held its measurement's figures as fields of its
own; both had every point of the sweep over neighbours, and the cost of the input."""

_OF_MEASUREMENT = (
    *("n", "stalls", "half_width", "repeatability", "rounds", "dropped_rounds"),
    *("closure", "waited"),
)
_DROPPED_OF_STEP = ("profiler_event_us", "leftover", "sensitivity")


def is_former(data: object) -> bool:
    """True if ``data``, the content of a summary, is of a version that can be upgraded."""
    return isinstance(data, dict) and data.get("schema_version") in FORMER


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Returns what the summary ``data`` of a former version says in the present one.

    ``data`` is as a release wrote it; its checksum does not hold for the result.
    """
    steps = [_with_measurement(step) for step in data["steps"]]
    found = {**data, "schema_version": SCHEMA_VERSION, "steps": steps}
    return _without(found, ("input",))


def _with_measurement(step: dict[str, Any]) -> dict[str, Any]:
    """Moves the measurement's figures of a version 2 ``step`` into its ``measurement``."""
    if "measurement" in step:
        measurement = step["measurement"] and _without(step["measurement"], _DROPPED_OF_STEP)
        return {**step, "measurement": measurement}
    measurement = {name: step[name] for name in _OF_MEASUREMENT if name in step}
    return {**_without(step, (*_OF_MEASUREMENT, *_DROPPED_OF_STEP)), "measurement": measurement}


def _without(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def write_profile(folder: Path, profile: ModelProfile) -> None:
    """Writes ``operators.csv``, then ``summary.json``: a folder with a summary is complete. Its
    ``checksum`` covers all the rest of both. Raises :class:`InputError`, and writes nothing, if the
    summary could not be read again."""
    on_gpu = any(cost.lane != "cpu" for cost in profile.operators)
    table = operator_table(profile.operators, GPU_COLUMNS if on_gpu else COLUMNS)
    summary: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **plain(profile)}
    del summary["operators"]
    path = folder / "summary.json"
    check_summary(parse(summary, ModelProfile, path), path)
    write_text(folder / "operators.csv", table)
    checksum = content_hash([summary, table])
    write_json(path, {**summary, "checksum": checksum})


def read_profile(folder: Path) -> ModelProfile:
    """Reads the profile in ``folder``, also one of an earlier release. Raises :class:`InputError`
    for an unknown schema version, a truncated file, a missing column, an impossible value, or files
    that were changed since."""
    path = folder / "summary.json"
    data: Any = load_json(path, "profile")
    former = is_former(data)
    if former:
        _check_unchanged(folder, data)  # the checksum is of the version that was written
    profile = _summary(path, data)
    operators = _read_operators(folder / "operators.csv", profile)
    if not former:  # last, for what is wrong with a value says more
        _check_unchanged(folder, data)
    return dataclasses.replace(profile, operators=operators)


def read_summary(folder: Path) -> ModelProfile:
    """The same without its operators, a hundred times as fast, whether the files were changed or
    not."""
    path = folder / "summary.json"
    return _summary(path, load_json(path, "profile"))


def _summary(path: Path, data: Any) -> ModelProfile:
    if is_former(data):
        data = upgraded(data)
    check_schema(data, path, SCHEMA_VERSION)
    summary = {key: value for key, value in data.items() if key != "checksum"}
    profile = parse(summary, ModelProfile, path)
    check_summary(profile, path)
    return profile


def _check_unchanged(folder: Path, data: dict[str, Any]) -> None:
    """Raises :class:`InputError` unless the files in ``folder`` have the checksum in ``data``."""
    summary = {key: value for key, value in data.items() if key != "checksum"}
    content = [summary, table_text(folder / "operators.csv", "table of operators")]
    remedy = f"remove {folder} and profile it again"
    check_checksum(folder / "summary.json", content, data.get("checksum"), remedy)


def _read_operators(path: Path, profile: ModelProfile) -> tuple[OperatorCost, ...]:
    rows, operators = read_operators(path, COLUMNS)
    if not operators and not profile.identity.is_program:
        raise InputError(path, "line 2", "nothing", "at least one operator")
    for row in rows:
        check_work(row)
    check_together(rows, operators, [(cost.threads, cost.lane == "cpu") for cost in operators])
    check_operators(rows, operators, profile, path.with_name("summary.json"))
    return operators
