"""The resident memory of this process, now and at its highest."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """Resident memory now."""
    return _field("VmRSS")


def peak_resident_bytes() -> int:
    """The high-water mark of resident memory since the process began or was last reset."""
    return _field("VmHWM")


def reset_peak() -> None:
    """Give freed memory back to the system and start the high-water mark anew, so that the next
    job of a warm worker is measured like the first."""
    gc.collect()
    # Only glibc has malloc_trim, and some containers forbid clear_refs: then freed memory stays
    # counted, or the mark covers the whole life of the worker.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _field(name: str) -> int:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"{_STATUS} has no {name}")
