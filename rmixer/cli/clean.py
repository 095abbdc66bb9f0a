"""``rmixer clean``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from rmixer.cli.locks import core_lock
from rmixer.errors import InputError
from rmixer.files.folder_lock import hold_folder

KINDS = {
    "old": "runs and executions that were moved aside (NAME.old-1, ...)",
    "data": "prepared data sets, and those that were begun",
    "profiles": "profiles that were measured here (not the measured machine)",
}

Doomed = tuple[Path, int]
"""A folder that may be removed, and its bytes."""


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(list(KINDS)))
@click.option(
    "--runs",
    "folder",
    default="runs",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder of runs, for `old`.",
)
@click.option("--dry-run", is_flag=True, help="List what would be removed; remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(kinds: tuple[str, ...], folder: Path, dry_run: bool, yes: bool) -> None:
    """Remove data that can be made again: old runs, prepared data, measured profiles. Without
    KINDS, list them. It asks before it removes anything, and keeps what is in use."""
    from rmixer.cli.console import console, report
    from rmixer.display.quantities import size

    out = console()
    found = {kind: list(_doomed(kind, folder)) for kind in kinds or KINDS}
    for kind, doomed in found.items():
        total = size(sum(size_bytes for _, size_bytes in doomed))
        out.print(f"{kind}: {len(doomed)} folder(s), {total}: {KINDS[kind]}")
        for path, size_bytes in doomed:
            out.print(f"  {path}  {size(size_bytes)}", markup=False, soft_wrap=True)
    doomed = [each for kind in kinds for each in found[kind]]
    if not kinds or dry_run or not doomed:
        if not kinds:
            out.print(f"`rmixer clean {' '.join(KINDS)}`, or one of these, removes them")
        return
    if not (yes or _agreed(doomed)):
        out.print("nothing was removed")
        return
    with core_lock(share=False) as lock:
        if {"data", "profiles"} & set(kinds):
            lock.take()  # nobody reads them meanwhile
        freed_bytes = 0
        for path, size_bytes in doomed:
            freed_bytes += size_bytes if _removed(path, report) else 0
    out.print(f"removed: {size(freed_bytes)}")


def _agreed(doomed: Sequence[Doomed]) -> bool:
    if not sys.stdin.isatty():
        allowed = "--yes, where no terminal is there to ask (or --dry-run)"
        raise InputError("rmixer clean", "--yes", "nothing", allowed)
    return click.confirm(f"Remove these {len(doomed)} folder(s)?", err=True)


def _doomed(kind: str, runs: Path) -> Iterator[Doomed]:
    """The folders of ``kind`` that no process is making now."""
    from experiments.run_files.found_runs import set_aside_in, size_of
    from rmixer.data.preparation import prepared_folders
    from rmixer.files.home import home

    if kind == "old":
        yield from set_aside_in(runs)
    elif kind == "data":
        for found in prepared_folders(home() / "data"):
            if found.state != "being made":
                yield Path(found.folder), found.size_bytes
    else:
        for path in sorted((home() / "profiles").glob("*/*/summary.json")):
            yield path.parent, size_of(path.parent)


def _removed(path: Path, report: Callable[[str], None]) -> bool:
    """True if ``path`` is gone now. It stays if a process holds it or its run, or if the system
    refuses."""
    from experiments.run_files.run_folder import CONFIG

    held = path.parent if (path.parent / CONFIG).exists() else path
    try:
        with hold_folder(held):
            shutil.rmtree(path)
    except InputError as error:
        report(f"left: {path}: {error.found}")
    except OSError as error:
        report(f"left: {path}: {error.strerror}")
    else:
        return True
    return False
