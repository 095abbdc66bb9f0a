"""The resident memory of this process, now and at its highest."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import re
import resource
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """Resident memory now."""
    return int(psutil.Process().memory_info().rss)


def peak_resident_bytes() -> int:
    """The high-water mark of resident memory since its last reset; since the process began if the
    system cannot reset it."""
    mark_bytes = _mark_bytes(_STATUS)
    return mark_bytes or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def high_water_bytes(pid: int) -> int:
    """The high-water mark of resident memory of process ``pid``, 0 for a zombie; raises OSError if
    it is gone."""
    return _mark_bytes(Path(f"/proc/{pid}/status"))


def _mark_bytes(status: Path) -> int:
    mark = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(encoding="utf-8"), re.MULTILINE)
    return int(mark[1]) * 1024 if mark else 0


def own_resident_bytes(pid: int) -> int:
    """Memory of process ``pid`` that no file backs, 0 once it has ended. The call takes a few
    microseconds."""
    return _kilobytes(Path(f"/proc/{pid}/status"), "RssAnon")


def private_bytes(pid: int) -> int:
    """Memory of process ``pid`` that no other process shares, 0 once it has ended. The call takes
    about a millisecond for a GB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    return _kilobytes(rollup, "Private_Clean") + _kilobytes(rollup, "Private_Dirty")


def _kilobytes(file: Path, name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB$", file.read_text("ascii"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def children_bytes() -> int:
    """Memory of the living child processes (those of a data loader) that is not shared with this
    one."""
    total = 0
    for child in multiprocessing.active_children():
        with contextlib.suppress(psutil.Error):
            total += int(psutil.Process(child.pid).memory_full_info().uss)
    return total


def reset_peak() -> None:
    """Gives freed memory back to the system and resets the high-water mark, so that the next job of
    a warm worker is measured like the first."""
    gc.collect()
    # Only glibc has malloc_trim, and some containers forbid clear_refs: then freed memory stays
    # counted, or the mark covers the whole life of the worker.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
