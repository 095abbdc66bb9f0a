"""A job as a workload says it: its keys by kind of job, and what is wrong with one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from rmixer.data.registry import SYNTHETIC
from rmixer.errors import InputError, choice
from rmixer.files.typed_files import Name, content_hash, shown
from rmixer.imported.durations import DurationTable
from rmixer.imported.imported_store import find_imported
from rmixer.models.registry import MODELS
from rmixer.user_code.command import find_command, find_resuming
from rmixer.user_code.own_module import OwnModule, find_own_model, is_own, label_of
from rmixer.workload.learned_steps import learned_steps
from rmixer.workload.place import Place
from rmixer.workload.workload import (
    ON_NAN,
    OPTIMIZERS,
    OWN_BATCH,
    OWN_LR,
    OWN_OPTIMIZER,
    PRECISIONS,
    RETRIES,
    SUPPOSED_STEPS,
    Job,
)

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=2**31 - 1)]
Copies = Annotated[int, Field(gt=0, le=100_000)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


@dataclass(frozen=True)
class JobEntry:
    """A job as a file gives it; ``NOT_YET`` names the other keys of the schema."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    model: str | None = None
    command: str | None = None
    python: str | None = None
    resume: str | None = None
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
    retries: Annotated[int, Field(ge=0, le=100)] = RETRIES
    id: Name | None = None


@dataclass(frozen=True)
class Taken:
    """What the jobs of a workload have taken so far: each id, with the place of who has it, and the
    folder of each local module. A worker runs one job after the other, and in it a module's name
    means one module."""

    ids: dict[str, str] = field(default_factory=dict)
    roots: dict[str, Path] = field(default_factory=dict)


NOT_YET = (
    "epochs",
    "evaluate",
    "save_every_s",
    "stop",
    "deadline_s",
    "weight",
    "priority",
)

OF_COMMANDS: tuple[str, ...] = ("python", "gpus", "resume")
UNKNOWN = "unknown"
"""Steps of a program that ends by itself, nobody knows when."""
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


def not_yet(key: str) -> str:
    """What is allowed for a key of ``NOT_YET``."""
    return f"nothing yet: {key!r} is part of the schema, but not supported so far"


def expand(
    item: dict[str, Any],
    place: Place,
    seed: int,
    taken: Taken,
    durations: DurationTable | None = None,
) -> list[Job]:
    """The copies of the job that ``item`` describes; the first has ``seed`` unless it says one.
    What they take is added to ``taken``. With ``durations`` it may be of a model that only these
    know, and has one step unless it says it. Raises :class:`InputError`."""
    for key in NOT_YET:
        if key in item:
            raise place.wrong(key, shown(item[key]), not_yet(key))
    is_open = item.get("steps") == UNKNOWN
    if is_open and "command" not in item:
        raise place.wrong("steps", repr(UNKNOWN), "a whole number > 0, but of a 'command'")
    entry = place.parse(item | {"steps": SUPPOSED_STEPS} if is_open else item, JobEntry)
    _check_kind(entry, item, place)
    steps = 1 if entry.steps is None and durations is not None else entry.steps
    if steps is None:
        raise place.wrong("steps", "nothing", "a whole number > 0 (this key is required)")
    if entry.command is not None:
        job = _command_job(entry, entry.command, steps, place)
        job = _of_learned_steps(job) if is_open else job
        return [replace(job, id=name) for name in _names(entry, job.label, place, taken)]
    if entry.profile is not None:
        job = _imported_job(entry, entry.profile, steps, place)
        return [replace(job, id=name) for name in _names(entry, job.label, place, taken)]
    model = entry.model or ""
    names = _names(entry, label_of(model), place, taken)
    timed = durations is not None and any(durations.of(name, model) for name in names)
    if model not in MODELS and (timed or (durations is not None and not is_own(model))):
        job = _timed_job(entry, item, model, steps, place)
    else:
        job = _model_job(entry, model, steps, place, taken)
    first = seed if entry.seed is None else entry.seed
    return [
        replace(job, id=name, seed=first + copy, retries=entry.retries)
        for copy, name in enumerate(names)
    ]


def _check_kind(entry: JobEntry, item: dict[str, Any], place: Place) -> None:
    """Raise :class:`InputError` unless ``entry`` is of one kind, with that kind's keys."""
    kinds = [kind for kind in ("profile", "command", "model") if getattr(entry, kind) is not None]
    if not kinds:
        allowed = f"{_models('')} (this key is required), or a 'command', or an imported 'profile'"
        raise place.wrong("model", "nothing", allowed)
    if len(kinds) > 1:
        kind, other = kinds[0], kinds[-1]
        allowed = f"nothing beside {kind!r}: a job is a model, a program or an imported profile"
        raise place.wrong(other, repr(getattr(entry, other)), allowed)
    foreign, why = OF_MODELS, "it is for the program's own command line to say"
    if entry.model is not None:
        foreign, why = OF_COMMANDS, "it is for a 'command' only"
    elif entry.profile is not None:
        foreign, why = (*OF_MODELS, *OF_COMMANDS), "it is what the profile was imported with"
    for key in foreign:
        if key in item:
            raise place.wrong(key, shown(item[key]), f"nothing: {why}")
    if entry.gpus > 1:
        allowed = "0 or 1: a program on several GPUs is not supported so far"
        raise place.wrong("gpus", shown(entry.gpus), allowed)


def _command_job(entry: JobEntry, line: str, steps: int, place: Place) -> Job:
    name, command = find_command(
        line, entry.python, entry.gpus, place.folder, place.file, place.at("")
    )
    resume = None
    if entry.resume is not None:
        resume = find_resuming(command, entry.resume, place.file, place.at(""))
    job = Job("", name, steps, batch=0, optimizer="", lr=0.0, seed=0, command=command)
    return replace(job, arrival_s=entry.arrival_s, retries=entry.retries, resume=resume)


def _of_learned_steps(job: Job) -> Job:
    """``job``, whose steps are only supposed, with those that a run has learned, if one has."""
    learned = learned_steps(job.identity.key)
    if learned is None:
        return replace(job, steps_from="supposed")
    return replace(job, steps=learned, steps_from="learned")


def _imported_job(entry: JobEntry, name: str, steps: int, place: Place) -> Job:
    try:
        profile = find_imported(name)
    except InputError as error:
        if error.key:  # in a file of the profile's own
            raise
        raise place.wrong("profile", error.found, error.allowed) from None
    job = Job("", name, steps, batch=profile.batch or 0, optimizer="", lr=0.0, seed=0, profile=name)
    return replace(job, arrival_s=entry.arrival_s, source=content_hash(profile))


def _timed_job(
    entry: JobEntry, item: Mapping[str, Any], model: str, steps: int, place: Place
) -> Job:
    """A job of a model of which nothing is known but how long it lasts."""
    for key in OF_MODELS:
        if key in item and key not in ("batch", "seed"):
            allowed = f"nothing: of {model!r} only the table of durations is known"
            raise place.wrong(key, shown(item[key]), allowed)
    job = Job("", model, steps, batch=entry.batch or 0, optimizer="", lr=0.0, seed=0)
    return replace(job, arrival_s=entry.arrival_s)


def _model_job(entry: JobEntry, model: str, steps: int, place: Place, taken: Taken) -> Job:
    own = _own_module(model, place, taken.roots) if is_own(model) else None
    batch, default_optimizer, lr = _defaults(model, place)
    optimizer = entry.optimizer or default_optimizer
    if optimizer not in OPTIMIZERS:
        raise place.wrong("optimizer", repr(optimizer), choice(optimizer, OPTIMIZERS))
    if entry.precision not in PRECISIONS:
        allowed = choice(entry.precision, PRECISIONS)
        raise place.wrong("precision", repr(entry.precision), allowed)
    if entry.on_nan not in ON_NAN:
        raise place.wrong("on_nan", repr(entry.on_nan), choice(entry.on_nan, ON_NAN))
    return Job(
        id="",
        model=model,
        steps=steps,
        batch=entry.batch or batch,
        optimizer=optimizer,
        lr=entry.lr if entry.lr is not None else lr,
        seed=0,
        rows_cap=entry.rows_cap,
        arrival_s=entry.arrival_s,
        data=_data_path(entry.data, place, must_exist=own is None),
        precision=entry.precision,
        on_nan=entry.on_nan,
        module_root=str(own.root) if own else "",
        source=own.source if own else "",
    )


def _models(found: str) -> str:
    return f"{choice(found, MODELS)}, or your own as 'package.module:function'"


def _defaults(model: str, place: Place) -> tuple[int, str, float]:
    """The batch, optimizer and learning rate of ``model``."""
    if is_own(model):
        return OWN_BATCH, OWN_OPTIMIZER, OWN_LR
    if model not in MODELS:
        raise place.wrong("model", repr(model), _models(model))
    facts = MODELS[model]
    return facts.batch, facts.optimizer, facts.lr


def _own_module(model: str, place: Place, roots: dict[str, Path]) -> OwnModule:
    """The module of ``model``; its local modules are added to the ``roots`` that are taken."""
    own = find_own_model(model, place.folder, place.file, place.at("model"))
    for name in own.local:
        if roots.setdefault(name, own.root) != own.root:
            found = f"{model!r}, whose module {name!r} lies in {own.root}"
            allowed = f"one module {name!r} in a workload: another job has that of {roots[name]}"
            raise place.wrong("model", found, allowed)
    return own


def _data_path(data: str, place: Place, *, must_exist: bool) -> str:
    if data == SYNTHETIC:
        return data
    found = place.folder / os.path.expanduser(data)
    if os.path.exists(found):
        return str(found.resolve())
    if must_exist:
        allowed = f"{SYNTHETIC!r} or the path of the data set's raw files"
        raise place.wrong("data", f"{data!r}, which does not exist", allowed)
    return data


def _names(entry: JobEntry, label: str, place: Place, taken: Taken) -> list[str]:
    if entry.id is None:
        free = (f"{label}-{number}" for number in itertools.count())
        names = list(itertools.islice((n for n in free if n not in taken.ids), entry.count))
    elif entry.count == 1:
        names = [entry.id]
    else:
        names = [f"{entry.id}-{copy}" for copy in range(entry.count)]
    for name in names:
        if name in taken.ids:
            allowed = f"an id of its own: {taken.ids[name]} has it already"
            raise place.wrong("id", repr(name), allowed)
    taken.ids.update(dict.fromkeys(names, place.key))
    return names
