"""The workload file: its jobs and their arrivals."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from rmixer.errors import InputError, each_error, refuse
from rmixer.files.strict import Strict
from rmixer.files.typed_files import Name, content_hash, load_yaml, parse, shown
from rmixer.files.yaml_lines import with_lines
from rmixer.imported.durations import DurationTable
from rmixer.workload.arrival_trace import read_trace
from rmixer.workload.arrivals import Arrivals, arrival_times_s, read_arrivals
from rmixer.workload.expansion import expand
from rmixer.workload.job_entry import Seed
from rmixer.workload.model_job import Taken
from rmixer.workload.place import Place
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class _WorkloadFile(Strict):
    """The content of the file; ``arrivals`` and each of ``jobs`` are checked later, by kind."""

    jobs: Annotated[tuple[Any, ...], Field(min_length=1)] = ()
    name: Name | None = None
    seed: Seed = 0
    arrivals: dict[str, Any] = field(default_factory=dict)


def read_workload(path: Path, durations: DurationTable | None = None) -> Workload:
    """Reads the workload file at ``path``: its ``jobs``, then the rows of its trace, each with its
    arrival time. With ``durations`` jobs last as these say; they may then have any model that these
    know, and have one step by default. Keys that begin with ``x-`` are for anchors and are ignored.
    Raises :class:`InputError` for all errors in these files, and for rows of ``durations`` without
    a job."""
    try:
        return workload_of(load_yaml(path, "workload file"), path, durations)
    except InputError as error:
        raise with_lines(error, path) from None


def workload_of(data: object, path: Path, durations: DurationTable | None = None) -> Workload:
    """The same of what a workload file says. ``path`` stands in messages and gives the workload its
    name; paths in ``data`` count from the folder around it."""
    if data is None:
        raise InputError(path, "", "an empty file", "a workload with a list of jobs")
    if not isinstance(data, dict):
        raise InputError(path, "", shown(data), "a mapping with a list of jobs")
    errors: list[InputError] = []
    file, arrivals = _file(_without_anchors(data), path, errors)
    jobs = _jobs(_items(file, path, arrivals), file.seed, durations, errors)
    refuse(errors)
    if arrivals is not None and arrivals.trace is None:
        times_s = arrival_times_s(arrivals, len(jobs), file.seed)
        jobs = [replace(job, arrival_s=at_s) for job, at_s in zip(jobs, times_s, strict=True)]
    if durations is not None:
        jobs = _lasting(jobs, durations)
    return Workload(file.name or path.stem, file.seed, tuple(jobs))


def _file(
    said: dict[Any, Any], path: Path, errors: list[InputError]
) -> tuple[_WorkloadFile, Arrivals | None]:
    """The valid part of the file, and its arrivals. Errors are added to ``errors``, or raised if
    nothing is left."""
    try:
        file = parse(said, _WorkloadFile, path)
    except InputError as error:
        errors += each_error(error)
        wrong = {each.key.partition(".")[0] for each in errors}
        said = {key: value for key, value in said.items() if key not in wrong}
        if not said.get("jobs"):
            raise
        file = parse(said, _WorkloadFile, path)
    arrivals = None
    if "arrivals" in said:
        try:
            arrivals = read_arrivals(file.arrivals, Place(path, "arrivals", path.parent))
        except InputError as error:
            errors += each_error(error)
    if not file.jobs and (arrivals is None or arrivals.trace is None):
        refuse(errors)
        raise InputError(path, "jobs", "nothing", "a value (this key is required)")
    return file, arrivals


def _jobs(
    items: Iterator[tuple[dict[str, Any], Place]],
    seed: int,
    durations: DurationTable | None,
    errors: list[InputError],
) -> list[Job]:
    """The jobs of ``items``; errors are added to ``errors``."""
    jobs: list[Job] = []
    taken = Taken()
    try:
        for item, place in items:
            try:
                jobs += expand(item, place, seed + len(jobs), taken, durations)
            except InputError as error:
                read = partial(_again, place=place, taken=taken, durations=durations)
                errors += all_wrong(error, item, place, read)
    except InputError as error:  # of a trace
        errors += each_error(error)
    return jobs


def _again(
    item: dict[str, Any], place: Place, taken: Taken, durations: DurationTable | None
) -> list[Job]:
    """The jobs of ``item``, without taking ids or modules."""
    return expand(item, place, 0, deepcopy(taken), durations)


def _without_anchors(data: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in data.items() if not str(key).startswith("x-")}


def _lasting(jobs: Sequence[Job], durations: DurationTable) -> list[Job]:
    """``jobs``, each with a hash of its durations and of its steps: more steps in the same time
    means a shorter step."""
    durations.check({job.id: job.model for job in jobs})
    return [
        replace(job, durations=content_hash([durations.of(job.id, job.model), job.steps]))
        for job in jobs
    ]


def _items(
    file: _WorkloadFile, path: Path, arrivals: Arrivals | None
) -> Iterator[tuple[dict[str, Any], Place]]:
    """Yields the keys of each job and its place. Raises :class:`InputError` for jobs that have no
    keys, or an arrival of their own if ``arrivals`` set that of every job, and for a trace that
    cannot be read."""
    wrong = []
    for position, said in enumerate(file.jobs):
        place = Place(path, f"jobs.{position}", path.parent)
        if not isinstance(said, dict):
            allowed = "a mapping of keys to values"
            wrong.append(InputError(path, f"jobs.{position}", shown(said), allowed))
            continue
        item = _without_anchors(said)
        if arrivals is not None and arrivals.trace is None and "arrival_s" in item:
            allowed = f"nothing: 'arrivals' ({arrivals.kind}) says when each job arrives"
            wrong.append(place.wrong("arrival_s", shown(item["arrival_s"]), allowed))
        yield item, place
    refuse(wrong)
    if arrivals is not None and arrivals.trace is not None:
        yield from read_trace(arrivals.trace, path.parent)


_KINDS = ("model", "command", "profile")
_LEANING = {"optimizer": ("weight_decay", "betas", "momentum"), "evaluate": ("stop",)}
"""If the first key is wrong, the others cannot be checked."""
_MANY_STEPS = 2**31 - 1


def all_wrong(
    error: InputError, item: dict[str, Any], place: Place, read: Callable[[dict[str, Any]], object]
) -> list[InputError]:
    """``error``, for which ``read`` refused ``item``, and further errors that it raises once the
    wrong keys are left out."""
    found: list[InputError] = []
    left = dict(item)
    while True:
        found += each_error(error)
        keys = {_key(each, place) for each in each_error(error)}
        if not keys <= left.keys() or not keys.isdisjoint(_KINDS):
            return found
        for key in keys:
            for other in (key, *_LEANING.get(key, ())):
                left.pop(other, None)
        if "steps" not in left and "epochs" not in left:
            left["steps"] = _MANY_STEPS
        try:
            read(left)
        except InputError as next_error:
            error = next_error
        else:
            return found
        if _is_there(_key(error, place), error, item):
            return found


def _key(error: InputError, place: Place) -> str:
    """The key of the job that ``error`` is about."""
    return error.key.removeprefix(place.at("")).partition(".")[0]


def _is_there(key: str, error: InputError, item: dict[str, Any]) -> bool:
    """True if the key that ``error`` misses is there under a similar name, which was already
    reported."""
    if key in item or error.found != "nothing":
        return False
    return bool(difflib.get_close_matches(key, item, n=1))
