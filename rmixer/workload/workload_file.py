"""The workload file: its keys by kind of job, and what is wrong with one."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from rmixer.data.registry import SYNTHETIC
from rmixer.errors import InputError, choice
from rmixer.files.typed_files import Name, content_hash, load_yaml, parse, shown
from rmixer.imported.imported_store import find_imported
from rmixer.models.registry import MODELS
from rmixer.user_code.command import find_command
from rmixer.user_code.own_module import OwnModule, find_own_model, is_own
from rmixer.workload.workload import (
    ON_NAN,
    OPTIMIZERS,
    OWN_BATCH,
    OWN_LR,
    OWN_OPTIMIZER,
    PRECISIONS,
    Job,
    Workload,
)

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
Copies = Annotated[int, Field(gt=0, le=100_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@dataclass(frozen=True)
class _JobEntry:
    """A job as the file gives it; ``NOT_YET`` names the other keys of the schema."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str | None = None
    command: str | None = None
    python: str | None = None
    gpus: Annotated[int, Field(ge=0)] = 0
    profile: Name | None = None
    count: Copies = 1
    steps: Count | None = None
    batch: Count | None = None
    optimizer: str | None = None
    lr: Rate | None = None
    seed: Seed | None = None
    rows_cap: Count | None = None
    arrival_s: NonNegative = 0.0
    data: Annotated[str, Field(min_length=1)] = SYNTHETIC
    precision: str = "fp32"
    on_nan: str = "stop"
    id: Name | None = None


@dataclass(frozen=True)
class _WorkloadFile:
    __pydantic_config__ = ConfigDict(extra="forbid")

    jobs: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    name: Name | None = None
    seed: Seed = 0


NOT_YET = (
    "epochs",
    "evaluate",
    "save_every_s",
    "stop",
    "deadline_s",
    "weight",
    "priority",
)

OF_COMMANDS: tuple[str, ...] = ("python", "gpus")
OF_MODELS: tuple[str, ...] = (
    "batch",
    "optimizer",
    "lr",
    "seed",
    "rows_cap",
    "data",
    "precision",
    "on_nan",
)
"""What a workload may say of jobs of one kind only."""


def read_workload(path: Path) -> Workload:
    """The workload file at ``path``; raises :class:`InputError` for anything wrong in it."""
    data = load_yaml(path, "workload file")
    if data is None:
        raise InputError(path, "", "an empty file", "a workload with a list of jobs")
    if not isinstance(data, dict):
        raise InputError(path, "", shown(data), "a mapping with a list of jobs")
    file = parse(data, _WorkloadFile, path)
    jobs: list[Job] = []
    taken: dict[str, str] = {}
    roots: dict[str, Path] = {}
    for position, item in enumerate(file.jobs):
        jobs += _expand(item, position, file.seed, len(jobs), taken, roots, path)
    return Workload(file.name or path.stem, file.seed, tuple(jobs))


def _expand(
    item: dict[str, Any],
    position: int,
    seed: int,
    first: int,
    taken: dict[str, str],
    roots: dict[str, Path],
    path: Path,
) -> list[Job]:
    where = f"jobs.{position}"
    for key in NOT_YET:
        if key in item:
            allowed = f"nothing yet: {key!r} is part of the schema, but not supported so far"
            raise InputError(path, f"{where}.{key}", shown(item[key]), allowed)
    try:
        entry = parse(item, _JobEntry, path)
    except InputError as error:
        key = f"{where}.{error.key}" if error.key else where
        raise InputError(path, key, error.found, error.allowed) from None
    _check_kind(entry, item, path, where)
    if entry.steps is None:
        allowed = "a whole number > 0 (this key is required)"
        raise InputError(path, f"{where}.steps", "nothing", allowed)
    if entry.command is not None:
        job = _command_job(entry, entry.command, entry.steps, path, where)
        return [replace(job, id=name) for name in _names(entry, job.label, taken, path, where)]
    if entry.profile is not None:
        job = _imported_job(entry, entry.profile, entry.steps, path, where)
        return [replace(job, id=name) for name in _names(entry, job.label, taken, path, where)]
    model = entry.model or ""
    own = _own_module(model, roots, path, where) if is_own(model) else None
    batch, default_optimizer, lr = _defaults(model, path, where)
    optimizer = entry.optimizer or default_optimizer
    if optimizer not in OPTIMIZERS:
        raise InputError(path, f"{where}.optimizer", repr(optimizer), choice(optimizer, OPTIMIZERS))
    if entry.precision not in PRECISIONS:
        allowed = choice(entry.precision, PRECISIONS)
        raise InputError(path, f"{where}.precision", repr(entry.precision), allowed)
    if entry.on_nan not in ON_NAN:
        allowed = choice(entry.on_nan, ON_NAN)
        raise InputError(path, f"{where}.on_nan", repr(entry.on_nan), allowed)
    job = Job(
        id="",
        model=model,
        steps=entry.steps,
        batch=entry.batch or batch,
        optimizer=optimizer,
        lr=entry.lr if entry.lr is not None else lr,
        seed=0,
        rows_cap=entry.rows_cap,
        arrival_s=entry.arrival_s,
        data=_data_path(entry.data, path, where, must_exist=own is None),
        precision=entry.precision,
        on_nan=entry.on_nan,
        module_root=str(own.root) if own else "",
        source=own.source if own else "",
    )
    names = _names(entry, job.label, taken, path, where)
    own_seed = entry.seed if entry.seed is not None else seed + first
    return [replace(job, id=name, seed=own_seed + copy) for copy, name in enumerate(names)]


def _check_kind(entry: _JobEntry, item: dict[str, Any], path: Path, where: str) -> None:
    """Raise :class:`InputError` unless ``entry`` is of one kind, with that kind's keys."""
    kinds = [kind for kind in ("profile", "command", "model") if getattr(entry, kind) is not None]
    if not kinds:
        allowed = f"{_models('')} (this key is required), or a 'command', or an imported 'profile'"
        raise InputError(path, f"{where}.model", "nothing", allowed)
    if len(kinds) > 1:
        kind, other = kinds[0], kinds[-1]
        allowed = f"nothing beside {kind!r}: a job is a model, a program or an imported profile"
        raise InputError(path, f"{where}.{other}", repr(getattr(entry, other)), allowed)
    foreign, why = OF_MODELS, "it is for the program's own command line to say"
    if entry.model is not None:
        foreign, why = OF_COMMANDS, "it is for a 'command' only"
    elif entry.profile is not None:
        foreign, why = (*OF_MODELS, *OF_COMMANDS), "it is what the profile was imported with"
    for key in foreign:
        if key in item:
            raise InputError(path, f"{where}.{key}", shown(item[key]), f"nothing: {why}")
    if entry.gpus > 1:
        allowed = "0 or 1: a program on several GPUs is not supported so far"
        raise InputError(path, f"{where}.gpus", shown(entry.gpus), allowed)


def _command_job(entry: _JobEntry, line: str, steps: int, path: Path, where: str) -> Job:
    name, command = find_command(line, entry.python, entry.gpus, path.parent, path, where)
    job = Job("", name, steps, batch=0, optimizer="", lr=0.0, seed=0, command=command)
    return replace(job, arrival_s=entry.arrival_s)


def _imported_job(entry: _JobEntry, name: str, steps: int, path: Path, where: str) -> Job:
    try:
        profile = find_imported(name)
    except InputError as error:
        if error.key:  # in a file of the profile's own
            raise
        raise InputError(path, f"{where}.profile", error.found, error.allowed) from None
    job = Job("", name, steps, batch=profile.batch or 0, optimizer="", lr=0.0, seed=0, profile=name)
    return replace(job, arrival_s=entry.arrival_s, source=content_hash(profile))


def _models(found: str) -> str:
    return f"{choice(found, MODELS)}, or your own as 'package.module:function'"


def _defaults(model: str, path: Path, where: str) -> tuple[int, str, float]:
    """The batch, optimizer and learning rate of ``model``."""
    if is_own(model):
        return OWN_BATCH, OWN_OPTIMIZER, OWN_LR
    if model not in MODELS:
        raise InputError(path, f"{where}.model", repr(model), _models(model))
    facts = MODELS[model]
    return facts.batch, facts.optimizer, facts.lr


def _own_module(model: str, roots: dict[str, Path], path: Path, where: str) -> OwnModule:
    """The module of ``model``. ``roots`` has the folder of each local module so far: a worker
    runs one job after the other, and in it a module's name means one module."""
    key = f"{where}.model"
    own = find_own_model(model, path.parent, path, key)
    for name in own.local:
        if roots.setdefault(name, own.root) != own.root:
            found = f"{model!r}, whose module {name!r} lies in {own.root}"
            allowed = f"one module {name!r} in a workload: another job has that of {roots[name]}"
            raise InputError(path, key, found, allowed)
    return own


def _data_path(data: str, path: Path, where: str, *, must_exist: bool) -> str:
    if data == SYNTHETIC:
        return data
    found = path.parent / os.path.expanduser(data)
    if os.path.exists(found):
        return str(found.resolve())
    if must_exist:
        allowed = f"{SYNTHETIC!r} or the path of the data set's raw files"
        raise InputError(path, f"{where}.data", f"{data!r}, which does not exist", allowed)
    return data


def _names(
    entry: _JobEntry, label: str, taken: dict[str, str], path: Path, where: str
) -> list[str]:
    if entry.id is None:
        free = (f"{label}-{number}" for number in itertools.count())
        names = list(itertools.islice((n for n in free if n not in taken), entry.count))
    elif entry.count == 1:
        names = [entry.id]
    else:
        names = [f"{entry.id}-{copy}" for copy in range(entry.count)]
    for name in names:
        if name in taken:
            allowed = f"an id of its own: {taken[name]} has it already"
            raise InputError(path, f"{where}.id", repr(name), allowed)
    taken.update(dict.fromkeys(names, where))
    return names
