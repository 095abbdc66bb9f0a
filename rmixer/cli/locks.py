"""The locks that a command holds while it works, and ``--share-machine``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import click

from rmixer.cli.console import report
from rmixer.files.folder_lock import hold_folder
from rmixer.hardware.core_lock import CoreLock

sharing_option = click.option(
    "--share-machine",
    is_flag=True,
    help="Do not wait for other runs on the same cores; results are marked as shared.",
)


def core_lock(share: bool) -> CoreLock:
    """The lock on the cores that this process may use; not yet taken."""
    return CoreLock(sorted(os.sched_getaffinity(0)), report, share=share)


@contextlib.contextmanager
def locked(path: Path, share: bool) -> Iterator[CoreLock]:
    """Holds the run folder ``path`` and yields the lock on the cores, which is released first."""
    with hold_folder(path), core_lock(share) as lock:
        yield lock
