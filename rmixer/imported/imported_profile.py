"""The facts about a training step in a recorded trace, and those it leaves unknown: a folder each
under ``$RMIXER_HOME/imported``.

None means unknown, in every field and every column that can hold it; no value is made up.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rmixer.errors import InputError, choice
from rmixer.files.home import home
from rmixer.files.strict import Strict
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
from rmixer.models.registry import MODELS
from rmixer.operators.operator_cost import OperatorCost
from rmixer.operators.operator_table import (
    IMPORTED_COLUMNS,
    check_together,
    operator_table,
    read_operators,
)

SCHEMA_VERSION: Final = 2
_ROUNDING = 1.001
_WHAT = "imported profile"
Count = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class ImportedProfile(Strict):
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
    operators: tuple[OperatorCost, ...] = ()


def write_imported(folder: Path, profile: ImportedProfile) -> None:
    """Writes ``operators.csv`` (unknown cells empty), then ``summary.json`` (unknown values null).
    Its ``checksum`` covers all the rest of both."""
    table = operator_table(profile.operators, IMPORTED_COLUMNS)
    write_text(folder / "operators.csv", table)
    summary: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **plain(profile)}
    del summary["operators"]
    checksum = content_hash([summary, table])
    write_json(folder / "summary.json", {**summary, "checksum": checksum})


def read_imported(folder: Path) -> ImportedProfile:
    """Reads the imported profile in ``folder``; raises :class:`InputError` for impossible values
    and for files that were changed since they were written."""
    path = folder / "summary.json"
    data: Any = load_json(path, _WHAT)
    check_schema(data, path, SCHEMA_VERSION, "import the trace again")
    checksum = data.pop("checksum", None)
    profile = parse(data, ImportedProfile, path)
    if profile.name != folder.name:
        raise InputError(path, "name", repr(profile.name), f"{folder.name!r}, its folder's name")
    table = folder / "operators.csv"
    rows, operators = read_operators(table, IMPORTED_COLUMNS)
    if not rows:
        raise InputError(table, "line 2", "nothing", "at least one operator")
    for row, cost in zip(rows, operators, strict=True):
        for name in ("mean_us", "gap_before_us") if cost.lane == "cpu" else ():
            if getattr(cost, name) > profile.profiled_mean_us * _ROUNDING:
                raise row.wrong(name, f"at most the step's {profile.profiled_mean_us:.3f}")
    check_together(rows, operators, [0] * len(rows))
    check_checksum(
        path, [data, read_text(table, "table of operators")], checksum, "import it again"
    )
    threads = profile.threads or 0
    operators = tuple(dataclasses.replace(cost, threads=threads) for cost in operators)
    return dataclasses.replace(profile, operators=operators)


def save_imported(profile: ImportedProfile) -> Path:
    """Saves ``profile`` in place of an earlier one of its name. Raises :class:`InputError` for a
    name that is no valid folder name or belongs to a model, and if the profile could not be read
    again."""
    name = parse(profile.name, Name, "--name")  # type: ignore[arg-type]
    if name in MODELS:
        raise InputError("--name", "", repr(name), "a name that no model of the registry has")
    with tempfile.TemporaryDirectory(prefix="rmixer-") as trial:
        write_imported(Path(trial) / name, profile)
        try:
            read_imported(Path(trial) / name)
        except InputError as error:
            where, row = profile.trace, Path(error.where).name
            raise InputError(where, f"{row}, {error.key}", error.found, error.allowed) from None
    folder = _root() / name
    write_imported(folder, profile)
    return folder


def find_imported(name: str) -> ImportedProfile:
    """The imported profile ``name``; raises :class:`InputError` if there is none."""
    known = imported_names()
    if name not in known:
        allowed = choice(name, known) if known else "none yet: `rmixer profile import FILE`"
        raise InputError(_WHAT, "", repr(name), allowed)
    return read_imported(_root() / name)


def imported_names() -> list[str]:
    """The names of all imported profiles."""
    return sorted(path.parent.name for path in _root().glob("*/summary.json"))


def _root() -> Path:
    return home() / "imported"
