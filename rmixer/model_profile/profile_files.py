"""A profile's files: ``summary.json`` and ``operators.csv``, checked when they are read,
and upgraded if an earlier release wrote them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rmixer.errors import InputError
from rmixer.files.csv_rows import CsvRow, table_text
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
from rmixer.model_profile.model_profile import SCHEMA_VERSION, ModelProfile, StepCost
from rmixer.model_profile.step_statistics import STALL_FACTOR
from rmixer.operators.operator_cost import OperatorCost
from rmixer.operators.operator_table import (
    COLUMNS,
    GPU_COLUMNS,
    QUANTILES,
    check_together,
    check_work,
    operator_table,
    read_operators,
)

_ROUNDING = 1.01
_ABOVE_P10 = 0.8
"""A tenth of the steps take less than p10, and fewer than half are stalls, which the mean leaves
out. So at most a fifth of the steps in the mean take less."""


def check_summary(profile: ModelProfile, path: Path) -> None:
    """Raises :class:`InputError` if the summary at ``path`` has a device without its figures, a
    step twice, quantiles out of order, a mean that contradicts them, or a peak below an idle
    worker's memory."""
    for key in ("utilisation", "job_type"):
        for memory in profile.memory:
            if memory.device not in getattr(profile, key):
                allowed = "a value (memory has this device)"
                raise InputError(path, f"{key}.{memory.device}", "nothing", allowed)
    for place, step in enumerate(profile.steps):
        _check_step(step, f"steps.{place}", path)
        if any(each.place == step.place for each in profile.steps[:place]):
            found = f"{step.device} with {step.threads} threads a second time"
            raise InputError(path, f"steps.{place}", found, "each device and thread count once")
    for place, memory in enumerate(profile.memory):
        if memory.peak_bytes * _ROUNDING < (context_bytes := memory.context_bytes or 0):
            allowed = f"at least context_bytes, {context_bytes}"
            raise InputError(path, f"memory.{place}.peak_bytes", memory.peak_bytes, allowed)


def _check_step(step: StepCost, where: str, path: Path) -> None:
    least_us = _ABOVE_P10 * step.p10_us / _ROUNDING
    most_us = STALL_FACTOR * step.p50_us * _ROUNDING
    if not least_us <= step.mean_us <= most_us:
        allowed = f"{least_us:.3f} to {most_us:.3f}, by its quantiles"
        raise InputError(path, f"{where}.mean_us", step.mean_us, allowed)
    for lower, higher in pairwise(QUANTILES):
        if getattr(step, lower) > (found := getattr(step, higher)):
            raise InputError(path, f"{where}.{higher}", found, " <= ".join(QUANTILES))


def check_operators(
    rows: Sequence[CsvRow], operators: Sequence[OperatorCost], profile: ModelProfile, path: Path
) -> None:
    """Raises :class:`InputError` for an operator of a thread count without a step, for one whose
    time or gap exceeds all of its lane in a step, for a step without operators if others have
    some, and if FLOPs and bytes of the summary at ``path`` are not those of ``operators`` on the
    CPU at one of its numbers of threads. ``rows`` are these in the file."""
    counts = {step.threads for step in profile.steps}
    for row, each in zip(rows, operators, strict=True):
        if each.threads not in counts:
            listed = ", ".join(map(str, sorted(counts)))
            raise row.wrong("threads", f"a thread count of the summary's steps: {listed}")
        steps = (step for step in profile.steps if step.threads == each.threads)
        # The operators and gaps of a lane, from the step's closure.
        whole_us = max(s.mean_us * (1.0 + max(0.0, s.closure.get(each.lane, 0.0))) for s in steps)
        for name in ("mean_us", "gap_before_us"):
            if getattr(each, name) > whole_us * _ROUNDING:
                raise row.wrong(name, f"at most the step's {whole_us:.3f}")
    for count in sorted(counts - {each.threads for each in operators}) if operators else ():
        found = f"no operators with {count} threads"
        raise InputError(rows[0].path, "threads", found, "operators of each step of the summary")
    by_count = [
        [each for each in operators if (each.lane, each.threads) == ("cpu", count)]
        for count in counts
    ]
    for name, amount in (("flops", "flops"), ("bytes", "moved_bytes")):
        totals = {sum(getattr(each, amount) or 0 for each in own) for own in by_count if own}
        if totals and (found := getattr(profile, name)) not in totals:
            listed = " or ".join(map(str, sorted(totals)))
            raise InputError(path, name, found, f"{listed}, the sum over the table of operators")


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
