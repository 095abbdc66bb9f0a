"""Checks which number formats this machine can train in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from rmixer.errors import InputError
from rmixer.workload.workload import Job

_CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Flags of x86's AVX-512 and AMX, and of Arm."""


@cache
def cpu_has_bf16() -> bool:
    """True if this CPU multiplies bfloat16 matrices; without it they are slower than float32."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return bool(flags) and all(_CPU_FLAGS & set(line.split()) for line in flags)


def check_precision(jobs: Iterable[Job]) -> None:
    """Raises :class:`InputError` for a job that this machine's CPU cannot run in its precision."""
    for job in jobs:
        if job.precision == "bf16" and not cpu_has_bf16():
            allowed = "fp32: the CPU of this machine has no bfloat16 arithmetic"
            raise InputError(f"job {job.id}", "precision", "'bf16'", allowed)
