"""The workload file: its jobs, and when they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from rmixer.errors import InputError
from rmixer.files.typed_files import Name, content_hash, load_yaml, parse, shown
from rmixer.imported.durations import DurationTable
from rmixer.workload.arrival_trace import read_trace
from rmixer.workload.arrivals import Arrivals, arrival_times_s, read_arrivals
from rmixer.workload.expansion import expand
from rmixer.workload.job_entry import Seed
from rmixer.workload.model_job import Taken
from rmixer.workload.place import Place
from rmixer.workload.workload import Job, Workload


@dataclass(frozen=True)
class _WorkloadFile:
    """The file as it is; ``arrivals`` and each of ``jobs`` are checked by kind."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    jobs: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] = ()
    name: Name | None = None
    seed: Seed = 0
    arrivals: dict[str, Any] = field(default_factory=dict)


def read_workload(path: Path, durations: DurationTable | None = None) -> Workload:
    """The workload file at ``path``: its ``jobs``, then the rows of its trace, each with the time
    at which it arrives. With ``durations`` jobs last as they say; they may then be of any model
    that these know, and have one step unless they say it. Raises :class:`InputError` for anything
    wrong in these files, and for rows of ``durations`` that are of no job."""
    data = load_yaml(path, "workload file")
    if data is None:
        raise InputError(path, "", "an empty file", "a workload with a list of jobs")
    if not isinstance(data, dict):
        raise InputError(path, "", shown(data), "a mapping with a list of jobs")
    file = parse(data, _WorkloadFile, path)
    place = Place(path, "arrivals", path.parent)
    arrivals = read_arrivals(file.arrivals, place) if "arrivals" in data else None
    if not file.jobs and (arrivals is None or arrivals.trace is None):
        raise InputError(path, "jobs", "nothing", "a value (this key is required)")
    jobs: list[Job] = []
    taken = Taken()
    for item, job_place in _items(file, path, arrivals):
        jobs += expand(item, job_place, file.seed + len(jobs), taken, durations)
    if arrivals is not None and arrivals.trace is None:
        times_s = arrival_times_s(arrivals, len(jobs), file.seed)
        jobs = [replace(job, arrival_s=at_s) for job, at_s in zip(jobs, times_s, strict=True)]
    if durations is not None:
        jobs = _lasting(jobs, durations)
    return Workload(file.name or path.stem, file.seed, tuple(jobs))


def _lasting(jobs: Sequence[Job], durations: DurationTable) -> list[Job]:
    """``jobs``, each with a hash of what ``durations`` say of it, and of its steps: of more steps
    in the same time each is shorter."""
    durations.check({job.id: job.model for job in jobs})
    return [
        replace(job, durations=content_hash([durations.of(job.id, job.model), job.steps]))
        for job in jobs
    ]


def _items(
    file: _WorkloadFile, path: Path, arrivals: Arrivals | None
) -> Iterator[tuple[dict[str, Any], Place]]:
    """What is said of each job, and where. Raises :class:`InputError` for a job that says its own
    arrival where ``arrivals`` say it of every job."""
    for position, item in enumerate(file.jobs):
        place = Place(path, f"jobs.{position}", path.parent)
        if arrivals is not None and arrivals.trace is None and "arrival_s" in item:
            allowed = f"nothing: 'arrivals' ({arrivals.kind}) says when each job arrives"
            raise place.wrong("arrival_s", shown(item["arrival_s"]), allowed)
        yield item, place
    if arrivals is not None and arrivals.trace is not None:
        yield from read_trace(arrivals.trace, path.parent)
