"""Arrival times of a workload's jobs: a Poisson process of single jobs or groups, or a trace."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from rmixer.errors import choice
from rmixer.files.strict import Strict
from rmixer.files.typed_files import shown
from rmixer.workload.job_entry import Copies, Seed
from rmixer.workload.place import Place

KEYS = {
    "poisson": ("rate_per_h", "seed"),
    "burst": ("rate_per_h", "burst", "seed"),
    "trace": ("file",),
}
"""The keys of each kind; all but the seed are required."""
_NEEDED = {
    "rate_per_h": "the jobs that arrive in an hour, in the mean",
    "burst": "the jobs that arrive together",
    "file": "a trace in CSV",
}


@dataclass(frozen=True)
class _Entry(Strict):
    kind: str | None = None
    rate_per_h: Annotated[float, Field(ge=1e-3, le=1e6)] | None = None
    burst: Copies | None = None
    file: Annotated[str, Field(min_length=1)] | None = None
    seed: Seed | None = None


@dataclass(frozen=True)
class Arrivals:
    """The arrivals of jobs. Kind ``trace`` reads them from the file ``trace``. With the other kinds
    groups of ``burst`` jobs arrive, ``rate_per_h`` jobs an hour in the mean. If ``seed`` is None,
    the workload's is used."""

    kind: str
    rate_per_h: float = 0.0
    burst: int = 1
    seed: int | None = None
    trace: Path | None = None


def read_arrivals(data: Mapping[str, Any], place: Place) -> Arrivals:
    """Reads the arrivals of a workload at ``place``; raises :class:`InputError`."""
    entry = place.parse(data, _Entry)
    if entry.kind is None:
        raise place.wrong("kind", "nothing", f"{choice('', KEYS)} (this key is required)")
    if entry.kind not in KEYS:
        raise place.wrong("kind", repr(entry.kind), choice(entry.kind, KEYS))
    for key in data:
        if key not in ("kind", *KEYS[entry.kind]):
            kinds = " and ".join(kind for kind, keys in KEYS.items() if key in keys)
            raise place.wrong(key, shown(data[key]), f"nothing: it is for {kinds} only")
    for key in KEYS[entry.kind]:
        if key in _NEEDED and getattr(entry, key) is None:
            allowed = f"{_NEEDED[key]} ({entry.kind} requires this key)"
            raise place.wrong(key, "nothing", allowed)
    return Arrivals(
        kind=entry.kind,
        rate_per_h=entry.rate_per_h or 0.0,
        burst=entry.burst or 1,
        seed=entry.seed,
        trace=_trace(entry.file, place) if entry.file is not None else None,
    )


def _trace(text: str, place: Place) -> Path:
    path = place.folder / os.path.expanduser(text)
    if not os.path.isfile(path):
        found = f"{text!r}, which is no file"
        raise place.wrong("file", found, "the path of a trace in CSV, from the workload's folder")
    return path


def arrival_times_s(arrivals: Arrivals, jobs: int, seed: int) -> list[float]:
    """The arrival of each of ``jobs`` jobs, in seconds from the start of the run, in their order.

    Groups of ``burst`` jobs arrive together (the last may be smaller), and groups are a Poisson
    process: an exponential gap passes before each, the first one too. Its mean is ``burst`` x 3600
    / ``rate_per_h`` seconds, so that jobs come at ``rate_per_h``. Gap k, from 0, is that mean times
    -ln((n + 0.5) / 2^52), where n is the first 52 bits of the SHA-256 of the text
    ``arrivals:<seed>:<k>``, rounded to whole microseconds: the same on every machine. ``seed`` is
    that of the workload, used if ``arrivals`` have none.
    """
    mean_s = arrivals.burst * 3600 / arrivals.rate_per_h
    gaps_us = _gaps_us(seed if arrivals.seed is None else arrivals.seed, mean_s)
    groups = math.ceil(jobs / arrivals.burst)
    starts_us = list(itertools.accumulate(itertools.islice(gaps_us, groups)))
    return [starts_us[position // arrivals.burst] / 1e6 for position in range(jobs)]


def _gaps_us(seed: int, mean_s: float) -> Iterator[int]:
    for index in itertools.count():
        digest = hashlib.sha256(f"arrivals:{seed}:{index}".encode()).digest()
        drawn = (int.from_bytes(digest[:8], "big") >> 12) + 0.5
        yield round(-math.log(drawn / 2**52) * mean_s * 1e6)
