"""Reads the arguments of the functions in :mod:`rmixer.library` into what the stages take."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from math import inf
from pathlib import Path
from typing import Any

from executor.supervision.observer import Observer
from experiments.stages.asked_workload import Said
from experiments.stages.search_wish import Asked
from experiments.stages.voice import Voice
from rmixer.data.making import no_bar
from rmixer.errors import InputError, choice
from rmixer.files.typed_files import parse
from rmixer.hardware.core_lock import CoreLock
from rmixer.scheduling.wanted_slots import Wanted, wanted_counts
from rmixer.workload.bundled import workload_path
from rmixer.workload.settings import Settings, settings_of

report = logging.getLogger("rmixer").info


def workload_in(said: object) -> Said:
    """Returns the file that a path or a bundled name means, or the dict; raises
    :class:`InputError` for anything else."""
    if isinstance(said, Mapping):
        return said
    if isinstance(said, str | Path):
        return workload_path(Path(said))
    allowed = "the path of a workload, the name of a bundled one, or a dict"
    raise InputError("workload", "", repr(said), allowed)


def settings_in(said: Mapping[str, object] | None) -> Settings:
    """Reads the values of ``--set``; raises :class:`InputError`."""
    return settings_of({str(k): str(value) for k, value in _dict("settings", said).items()})


def layout_in(said: Mapping[str, object] | None, *, several: bool) -> Wanted:
    """Reads numbers of slots and threads; raises :class:`InputError`."""
    check_names("layout", _dict("layout", said), vars(Wanted()))
    texts = {name: counts_in(counts) for name, counts in _dict("layout", said).items()}
    return wanted_counts(texts, several=several)


def _dict(where: str, said: object) -> Mapping[Any, object]:
    if said is None or isinstance(said, Mapping):
        return said or {}
    raise InputError(where, "", repr(said), "a dict")


def counts_in(said: object) -> str:
    """Writes a number or a name, or several, as the command line has them."""
    if isinstance(said, Iterable) and not isinstance(said, str):
        return ",".join(map(str, said))
    return str(said)


def search_in(said: float | Mapping[str, object]) -> Asked:
    """Reads the settings of a search; raises :class:`InputError`."""
    values = dict(said) if isinstance(said, Mapping) else {"seconds": said}
    check_names("search", values, vars(Asked()))
    asked = parse(values, Asked, "search")
    if not 0 <= asked.seconds < inf or (asked.evaluations is not None and asked.evaluations < 1):
        raise InputError("search", "", values, "seconds of 0 or more, evaluations of 1 or more")
    return asked


def check_names(where: str, said: Iterable[str], names: Iterable[str]) -> None:
    """Raises :class:`InputError` for a name in ``said`` that is not in ``names``."""
    for name in said:
        if name not in names:
            raise InputError(where, "", repr(name), choice(str(name), names))


def check_measuring(batches: Sequence[int], seconds: float | None) -> None:
    """Raises :class:`InputError` for batches and a time that cannot be."""
    if seconds is not None and not 0 < seconds < inf:
        raise InputError("seconds", "", seconds, "a number > 0")
    for batch in batches:
        if not isinstance(batch, int) or batch < 1:
            raise InputError("batches", "", repr(batch), "whole numbers of 1 or more")


def core_lock(share: bool = False) -> CoreLock:
    """The lock on the cores of this process; not yet taken."""
    return CoreLock(sorted(os.sched_getaffinity(0)), report, share=share)


def quiet_voice() -> Voice:
    """A voice that speaks to the logger, and draws no bars."""

    class Told(Observer):
        def told(self, text: str) -> None:
            report(text)

    def bar(title: str, about_s: float | None = None) -> Any:
        return no_bar(title)

    return Voice(report, bar, lambda title, jobs: nullcontext(Told()))
