"""A profile's files: ``summary.json`` and ``operators.csv``, checked as they are read."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow, read_rows
from rmixer.files.typed_files import (
    check_checksum,
    content_hash,
    load_json,
    parse,
    plain,
    read_text,
    write_json,
    write_text,
)
from rmixer.hardware.machine import check_schema
from rmixer.model_profile.former_versions import is_former, upgraded
from rmixer.model_profile.model_profile import SCHEMA_VERSION, ModelProfile
from rmixer.model_profile.profile_checks import check_summary, check_work_together
from rmixer.operators.lanes import LANES, PHASES
from rmixer.operators.operator_checks import (
    check_steps,
    check_times,
    check_together,
    check_within_steps,
    check_work,
)
from rmixer.operators.operator_cost import HOST_COLUMNS, OperatorCost

_FIELDS = tuple(field.name for field in dataclasses.fields(OperatorCost))
COLUMNS = tuple(name for name in _FIELDS if name not in HOST_COLUMNS)
_WHOLE = {
    "index": 0,
    "forward_index": -1,
    "flops": 0,
    "read_bytes": 0,
    "written_bytes": 0,
    "threads": 1,
}
"""The columns of whole numbers, with the least that each may hold."""


def write_profile(folder: Path, profile: ModelProfile) -> None:
    """Write ``operators.csv``, then ``summary.json``: a folder with a summary is complete. Its
    ``checksum`` is of all the rest of both. Raises :class:`InputError`, and writes nothing, where
    the summary could not be read again."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = _FIELDS if any(c.lane != "cpu" for c in profile.operators) else COLUMNS
    writer.writerow(columns)
    for cost in profile.operators:
        values = (getattr(cost, name) for name in columns)
        writer.writerow(round(v, 3) if isinstance(v, float) else v for v in values)
    summary: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **plain(profile)}
    del summary["operators"]
    path = folder / "summary.json"
    check_summary(parse(summary, ModelProfile, path), path)
    check_steps(profile.steps, path)
    write_text(folder / "operators.csv", out.getvalue())
    checksum = content_hash([summary, out.getvalue()])
    write_json(path, {**summary, "checksum": checksum})


def read_profile(folder: Path) -> ModelProfile:
    """The profile in ``folder``, also one that an earlier release wrote; raises
    :class:`InputError` for a schema version that cannot be read, a truncated file, a missing
    column, an impossible value, or files that were changed since."""
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
    check_steps(profile.steps, path)
    return profile


def _check_unchanged(folder: Path, data: dict[str, Any]) -> None:
    """Raises :class:`InputError` unless the files in ``folder`` have the checksum in ``data``."""
    summary = {key: value for key, value in data.items() if key != "checksum"}
    content = [summary, read_text(folder / "operators.csv", "table of operators")]
    remedy = f"remove {folder} and profile it again"
    check_checksum(folder / "summary.json", content, data.get("checksum"), remedy)


def _read_operators(path: Path, profile: ModelProfile) -> tuple[OperatorCost, ...]:
    rows = list(read_rows(path, "table of operators", COLUMNS))
    operators = tuple(map(_operator, rows))
    if not operators and not profile.identity.is_program:
        raise InputError(path, "line 2", "nothing", "at least one operator")
    check_together(rows, operators, [(cost.threads, cost.lane == "cpu") for cost in operators])
    check_within_steps(rows, operators, profile.steps)
    check_work_together(operators, profile, path.with_name("summary.json"))
    return operators


def _operator(row: CsvRow) -> OperatorCost:
    values: dict[str, Any] = {name: row.cells[name] for name in COLUMNS}
    values["phase"] = row.one_of("phase", PHASES)
    values["lane"] = row.one_of("lane", LANES)
    for name, least in _WHOLE.items():
        values[name] = row.whole(name, least)
    for name in _FIELDS:
        if name.endswith("_us") and name in row.cells:
            values[name] = row.number(name, least=0)
    check_times(row)
    check_work(row)
    return OperatorCost(**values)
