"""The facts that a run knows of a job before it starts, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rmixer.files.typed_files import parse, plain
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.scheduling.problem import ProfiledJob
from rmixer.workload.workload import Job


@dataclass(frozen=True)
class KnownJob:
    """A job, the ``key`` of its cost identity, and its costs by kind of device. A ``late`` job was
    added after the run had begun, so the run's prediction does not include it."""

    job: Job
    key: str
    costs: dict[str, DeviceCost]
    late: bool = False


def written(jobs: Iterable[ProfiledJob], *, late: bool) -> dict[str, Any]:
    """The detail of the transition that adds ``jobs``."""
    kept = [
        {"job": plain(each.job), "key": each.key, "costs": plain(dict(each.costs))} for each in jobs
    ]
    return {"jobs": kept, "late": late}


def known_jobs(detail: Mapping[str, Any]) -> list[KnownJob]:
    """The jobs in ``detail`` of a transition that adds jobs."""
    read = parse(detail["jobs"], list[KnownJob], "the journal")
    return [replace(each, late=detail["late"]) for each in read]
