"""What is to be trained: the jobs of a workload file, every default resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from rmixer.errors import InputError, choice
from rmixer.files import content_hash, load_yaml, parse
from rmixer.models.registry import ModelEntry, model_entry

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
OPTIMIZERS = ("adagrad", "adam", "sgd")
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Job:
    """One training job. ``steps`` optimizer steps of ``batch`` samples; ``data`` is
    ``synthetic`` or the path of the data set's raw files; ``rows_cap`` bounds the rows of every
    embedding table; ``arrival_s`` counts from the start of the run."""

    id: str
    model: str
    steps: int
    batch: int
    optimizer: str
    lr: float
    seed: int
    rows_cap: int | None = None
    arrival_s: float = 0.0
    data: str = SYNTHETIC

    @property
    def entry(self) -> ModelEntry:
        """The registry's facts about the model."""
        return model_entry(self.model)


@dataclass(frozen=True)
class Workload:
    """A named queue of jobs, in order of submission."""

    name: str
    seed: int
    jobs: tuple[Job, ...]

    @property
    def hash(self) -> str:
        """The same for the same jobs, wherever the file lies."""
        return content_hash(self)


@dataclass(frozen=True)
class _JobEntry:
    """A job as the file gives it: the whole schema, also of what later releases will do."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str | None = None
    count: Count = 1
    steps: Count | None = None
    batch: Count | None = None
    optimizer: str | None = None
    lr: Rate | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    rows_cap: Count | None = None
    arrival_s: NonNegative = 0.0
    data: str = SYNTHETIC
    id: Name | None = None
    command: str | None = None
    python: str | None = None
    epochs: Count | None = None
    evaluate: dict[str, Any] | None = None
    save_every_s: Rate | None = None
    stop: dict[str, Any] | None = None
    deadline_s: Rate | None = None
    weight: Rate | None = None
    priority: int | None = None
    gpus: Count | None = None
    precision: Literal["fp32", "bf16", "fp16", "tf32"] | None = None


@dataclass(frozen=True)
class _WorkloadFile:
    __pydantic_config__ = ConfigDict(extra="forbid")

    jobs: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    name: Name | None = None
    seed: Annotated[int, Field(ge=0)] = 0


NOT_YET = (
    "command",
    "python",
    "epochs",
    "evaluate",
    "save_every_s",
    "stop",
    "deadline_s",
    "weight",
    "priority",
    "gpus",
    "precision",
)


def read_workload(path: Path) -> Workload:
    """The workload file at ``path``; raises :class:`InputError` for anything wrong in it."""
    data = load_yaml(path, "workload file")
    if data is None:
        raise InputError(path, "", "an empty file", "a workload with a list of jobs")
    if not isinstance(data, dict):
        raise InputError(path, "", f"a {type(data).__name__}", "a mapping with a list of jobs")
    file = parse(data, _WorkloadFile, path)
    jobs: list[Job] = []
    taken: dict[str, str] = {}
    for position, item in enumerate(file.jobs):
        for job in _expand(item, position, file.seed, len(jobs), taken, path):
            jobs.append(job)
    return Workload(file.name or path.stem, file.seed, tuple(jobs))


def _expand(
    item: dict[str, Any],
    position: int,
    seed: int,
    first: int,
    taken: dict[str, str],
    path: Path,
) -> list[Job]:
    where = f"jobs.{position}"
    try:
        entry = parse(item, _JobEntry, path)
    except InputError as error:
        key = f"{where}.{error.key}" if error.key else where
        raise InputError(path, key, error.found, error.allowed) from None
    for key in NOT_YET:
        if getattr(entry, key) is not None:
            allowed = "a key of this release: it is part of the schema but not supported yet"
            raise InputError(path, f"{where}.{key}", repr(item[key]), allowed)
    if entry.model is None:
        raise InputError(path, f"{where}.model", "nothing", "a model: this key is required")
    if entry.steps is None:
        raise InputError(path, f"{where}.steps", "nothing", "a number of steps > 0")
    if ":" in entry.model:
        allowed = "a model of `rmixer models`: own models are not supported yet"
        raise InputError(path, f"{where}.model", repr(entry.model), allowed)
    try:
        facts = model_entry(entry.model)
    except InputError as error:
        raise InputError(path, f"{where}.model", error.found, error.allowed) from None
    optimizer = entry.optimizer or facts.optimizer
    if optimizer not in OPTIMIZERS:
        raise InputError(path, f"{where}.optimizer", repr(optimizer), choice(optimizer, OPTIMIZERS))
    lr = entry.lr if entry.lr is not None else facts.lr
    job = Job(
        id="",
        model=entry.model,
        steps=entry.steps,
        batch=entry.batch or facts.batch,
        optimizer=optimizer,
        lr=lr,
        seed=0,
        rows_cap=entry.rows_cap,
        arrival_s=entry.arrival_s,
        data=_data_path(entry.data, path, where),
    )
    jobs = []
    for copy in range(entry.count):
        name = _name(entry, copy, taken, path, where)
        own_seed = (entry.seed if entry.seed is not None else seed + first) + copy
        jobs.append(replace(job, id=name, seed=own_seed))
    return jobs


def _data_path(data: str, path: Path, where: str) -> str:
    if data == SYNTHETIC:
        return data
    found = (path.parent / data).expanduser()
    if not found.exists():
        allowed = f"{SYNTHETIC!r} or the path of the data set's raw files"
        raise InputError(path, f"{where}.data", f"{data!r}, which does not exist", allowed)
    return str(found.resolve())


def _name(entry: _JobEntry, copy: int, taken: dict[str, str], path: Path, where: str) -> str:
    if entry.id is not None:
        name = entry.id if entry.count == 1 else f"{entry.id}-{copy}"
        if name in taken:
            allowed = f"an id of its own: {taken[name]} has it already"
            raise InputError(path, f"{where}.id", repr(name), allowed)
    else:
        number = sum(1 for other in taken if other.rpartition("-")[0] == entry.model)
        while (name := f"{entry.model}-{number}") in taken:
            number += 1
    taken[name] = where
    return name
