"""``rmixer profile import``, and the display of an imported profile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import click

from rmixer.cli.numbers import FiniteRange
from rmixer.errors import InputError

JobType = Literal["compute", "memory", "low"]
_MOST_STEP_MS, _MOST_BYTES = 1e9, 1 << 60
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|kB|MB|GB)?")
_UNIT_BYTES = {
    **{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
    **{"kB": 10**3, "MB": 10**6, "GB": 10**9},
}


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the profile. Default: the file's name.")
@click.option("--step-marker", help="The name of an event that starts each step.")
@click.option("--batch", type=click.IntRange(min=1), help="Samples per step.")
@click.option("--threads", type=click.IntRange(min=1), help="Host threads of the training.")
@click.option("--peak-memory", help="Peak memory on its device, like 2.5GiB.")
@click.option(
    "--step-ms",
    type=FiniteRange(0, _MOST_STEP_MS, min_open=True),
    help="Mean milliseconds of a step without the profiler.",
)
@click.option(
    "--job-type",
    type=click.Choice(["compute", "memory", "low"]),
    help="What limits the job: compute, memory, or neither (low). Some policies use it.",
)
@click.option(
    "--partial", is_flag=True, help="Import even if over 20% of the devices' work is left out."
)
@click.option(
    "--strict", is_flag=True, help="Refuse a trace if something would be cut or left out."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every operator.")
def import_trace_command(
    file: Path,
    name: str | None,
    step_marker: str | None,
    batch: int | None,
    threads: int | None,
    peak_memory: str | None,
    step_ms: float | None,
    job_type: JobType | None,
    partial: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Make a profile from FILE, a trace of PyTorch's profiler (Chrome format, gzip or not). The
    model is not needed. A trace lacks some values, like the batch; give them by the options."""
    from dataclasses import replace

    from profiles.traces.imported import Wanted, import_trace, trace_name
    from profiles.traces.left_out import warnings_of
    from rmixer.cli.console import report
    from rmixer.imported.imported_profile import imported_names, save_imported

    if partial and strict:
        raise InputError(
            "--partial", "", "it", "not together with --strict, which refuses such a trace"
        )
    wanted = Wanted(step_marker, partial, strict)
    profile = import_trace(file, name or trace_name(file), wanted)
    profile = replace(
        profile,
        batch=batch,
        threads=threads,
        peak_bytes=_bytes(peak_memory),
        step_us=step_ms * 1e3 if step_ms else None,
        job_type=job_type,
    )
    instead = (
        ", in place of an earlier one of that name" if profile.name in imported_names() else ""
    )
    report(f"kept as {save_imported(profile)}{instead}")
    for text in warnings_of(profile):
        report(f"warning: {text}")
    _print(profile.name, 12, as_json)


def show_imported(name: str, top: int, as_json: bool, refused: dict[str, object]) -> bool:
    """Shows the imported profile ``name``; returns False if there is none. Raises
    :class:`InputError` for options in ``refused`` (by name, None: not given), which do not apply to
    it."""
    from rmixer.imported.imported_profile import imported_names

    if name not in imported_names():
        return False
    for option, value in refused.items():
        if value is not None:
            allowed = "none for an imported profile"
            raise InputError(option, "", value, allowed)
    _print(name, top, as_json)
    return True


def _print(name: str, top: int, as_json: bool) -> None:
    from experiments.tables.imported_table import imported_table
    from rmixer.cli.console import console, print_json
    from rmixer.imported.imported_profile import find_imported

    profile = find_imported(name)
    if as_json:
        print_json(profile)
    else:
        console().print(imported_table(profile, top))


def _bytes(text: str | None) -> int | None:
    """``2.5GiB`` or ``512 MB`` as bytes."""
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    size = float(found[1]) * _UNIT_BYTES[found[2] or ""] if found else 0.0
    if not 1 <= size <= _MOST_BYTES:
        raise InputError("--peak-memory", "", repr(text), "a size like 800MiB or 2.5GiB")
    return round(size)
