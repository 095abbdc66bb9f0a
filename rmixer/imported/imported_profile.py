"""The facts about a training step in a recorded trace, and those it leaves unknown.

None means unknown, in every field and every column that can hold it; no value is made up.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow, read_rows
from rmixer.files.typed_files import (
    Name,
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
from rmixer.operators.lanes import COMMUNICATION, LANES, PHASES
from rmixer.operators.operator_checks import check_times, check_together

SCHEMA_VERSION: Final = 2
_ROUNDING = 1.001
Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class ImportedOperator:
    """One operator on one lane (a row of ``operators.csv``), over the steps of the trace.

    Rows of one operator have one ``index``. ``forward_index`` is that of the forward operator of a
    backward one, -1 if there is none or it is unknown. ``phase`` is one of
    ``rmixer.operators.lanes.PHASES``, ``communication``, or None. Times are as the profiler saw
    them, its own cost included; a step without the operator counts as 0. ``mean_us`` is the time on
    the lane; ``gap_before_us`` lies between the end of the lane's work before and this one's start.
    For an operator on ``gpu`` or ``link`` ``host_us`` is the host's time for it: ``t2_us`` before
    its first of ``launches``, ``t4_us`` in them, ``t5_us`` between them and ``t3_us`` after the
    last. ``t1_us`` is the host's time between the operator before and this one, in the first row of
    each operator. ``wait_us`` is the time that the host waited for the device, which none of the
    others includes.
    """

    index: int
    phase: str | None
    module: str
    operator: str
    forward_index: int
    shapes: str
    flops: int | None
    read_bytes: int | None
    written_bytes: int | None
    lane: str
    p10_us: float
    p50_us: float
    p90_us: float
    mean_us: float
    gap_before_us: float
    host_us: float
    launches: int
    t1_us: float
    t2_us: float | None
    t3_us: float | None
    t4_us: float | None
    t5_us: float | None
    wait_us: float


@dataclass(frozen=True)
class ImportedProfile:
    """A step of a trace. ``trace`` is the file's name and ``trace_hash`` a hash of its content.
    ``steps_told`` names the marks by which steps were found; ``steps_used`` of ``steps_found`` had
    equal training, the others are left out. ``profiled_*_us`` is the step with the profiler.
    ``closure`` is (operators + gaps) / that step - 1, for the host's lane and the GPU's.
    ``outside_nodes`` is the number of operators a step called outside of autograd's nodes by
    threads that run these.

    Left out are ``other_operators`` that other threads call (``other_us`` a step) and
    ``unclaimed_us`` a step of device work without a row. ``left_out_share``, from 0 to 1, is their
    part of all device work; ``left_out`` names the largest, in microseconds a step. Also left out
    are events of ``other_devices``, counted by category, and ``untimed`` GPU events, whose times
    the profiler has lost. ``cut_operators`` end after their step, by ``cut_most_us`` at most, and
    are cut there.

    Some facts can only come from the user and are else None: samples of a ``batch``, host
    ``threads``, ``peak_bytes`` on the device, ``step_us`` without the profiler, and the
    ``job_type``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Name
    trace: str
    trace_hash: str
    device: Literal["cpu", "gpu"]
    hardware: str | None
    driver: str | None
    steps_told: str
    steps_found: Count
    steps_used: Count
    profiled_mean_us: Positive
    profiled_p10_us: Positive
    profiled_p50_us: Positive
    profiled_p90_us: Positive
    closure: dict[str, Finite]
    other_operators: Annotated[int, Field(ge=0)]
    unclaimed_us: NotNegative
    batch: Count | None = None
    threads: Count | None = None
    peak_bytes: Count | None = None
    step_us: Positive | None = None
    job_type: Literal["compute", "memory", "low"] | None = None
    outside_nodes: NotNegative = 0.0
    other_us: NotNegative = 0.0
    left_out_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    left_out: dict[str, NotNegative] = dataclasses.field(default_factory=dict)
    other_devices: dict[str, Count] = dataclasses.field(default_factory=dict)
    untimed: Annotated[int, Field(ge=0)] = 0
    cut_operators: Annotated[int, Field(ge=0)] = 0
    cut_most_us: NotNegative = 0.0
    origin: Literal["imported"] = "imported"
    schema_version: Literal[2] = SCHEMA_VERSION
    operators: tuple[ImportedOperator, ...] = ()


COLUMNS = tuple(field.name for field in dataclasses.fields(ImportedOperator))
_WHOLE = {"index": 0, "forward_index": -1, "launches": 0}
_WHOLE_OR_UNKNOWN = ("flops", "read_bytes", "written_bytes")
_TIMES_OR_UNKNOWN = ("t2_us", "t3_us", "t4_us", "t5_us")


def write_imported(folder: Path, profile: ImportedProfile) -> None:
    """Writes ``operators.csv`` (unknown cells empty), then ``summary.json`` (unknown values null).
    Its ``checksum`` covers all the rest of both."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in profile.operators:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow(round(v, 3) if isinstance(v, float) else v for v in values)
    write_text(folder / "operators.csv", out.getvalue())
    summary: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **plain(profile)}
    del summary["operators"]
    checksum = content_hash([summary, out.getvalue()])
    write_json(folder / "summary.json", {**summary, "checksum": checksum})


def read_imported(folder: Path) -> ImportedProfile:
    """Reads the imported profile in ``folder``; raises :class:`InputError` for impossible values
    and for files that were changed since they were written."""
    path = folder / "summary.json"
    data: Any = load_json(path, "imported profile")
    check_schema(data, path, SCHEMA_VERSION, "import the trace again")
    checksum = data.pop("checksum", None)
    profile = parse(data, ImportedProfile, path)
    if profile.name != folder.name:
        raise InputError(path, "name", repr(profile.name), f"{folder.name!r}, its folder's name")
    table = folder / "operators.csv"
    rows = list(read_rows(table, "table of operators", COLUMNS))
    if not rows:
        raise InputError(table, "line 2", "nothing", "at least one operator")
    operators = tuple(_operator(row, profile) for row in rows)
    check_together(rows, operators, [0] * len(rows))
    check_checksum(
        path, [data, read_text(table, "table of operators")], checksum, "import it again"
    )
    return dataclasses.replace(profile, operators=operators)


def _operator(row: CsvRow, profile: ImportedProfile) -> ImportedOperator:
    values: dict[str, Any] = {name: row.cells[name] for name in COLUMNS}
    phases = (*PHASES, COMMUNICATION)
    values["phase"] = row.one_of("phase", phases) if row.cells["phase"] else None
    values["lane"] = row.one_of("lane", LANES)
    for name, least in _WHOLE.items():
        values[name] = row.whole(name, least)
    for name in _WHOLE_OR_UNKNOWN:
        values[name] = row.whole(name, 0) if row.cells[name] else None
    for name in COLUMNS:
        if name.endswith("_us"):
            known = row.cells[name] or name not in _TIMES_OR_UNKNOWN
            values[name] = row.number(name, least=0) if known else None
    check_times(row)
    longest_us = profile.profiled_mean_us * _ROUNDING if values["lane"] == "cpu" else math.inf
    for name in ("mean_us", "gap_before_us"):
        if values[name] > longest_us:
            raise row.wrong(name, f"at most the step's {profile.profiled_mean_us:.3f}")
    return ImportedOperator(**values)
