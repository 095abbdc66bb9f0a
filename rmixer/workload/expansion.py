"""The jobs that an item of a workload describes, and the errors in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rmixer.errors import InputError
from rmixer.files.typed_files import content_hash, shown
from rmixer.imported.durations import DurationTable
from rmixer.imported.imported_profile import find_imported
from rmixer.models.registry import MODELS
from rmixer.user_code.command import find_command, find_resuming
from rmixer.user_code.own_module import is_own, label_of
from rmixer.workload.job_entry import (
    NOT_YET,
    OF_COMMANDS,
    OF_MODELS,
    UNKNOWN,
    WISHES,
    JobEntry,
    not_yet,
)
from rmixer.workload.learned_steps import learned_steps
from rmixer.workload.model_job import Taken, known_models, model_job
from rmixer.workload.place import Place
from rmixer.workload.workload import SUPPOSED_STEPS, Job


def expand(
    item: dict[str, Any],
    place: Place,
    seed: int,
    taken: Taken,
    durations: DurationTable | None = None,
) -> list[Job]:
    """The copies of the job that ``item`` describes; the first has ``seed`` unless the item has
    one. Their ids and modules are added to ``taken``. With ``durations`` it may have a model that
    only these know, and has one step by default. Raises :class:`InputError`."""
    for key in NOT_YET:
        if key in item:
            raise place.wrong(key, shown(item[key]), not_yet(key))
    is_open = item.get("steps") == UNKNOWN
    if is_open and "command" not in item:
        raise place.wrong("steps", repr(UNKNOWN), "a whole number > 0, but of a 'command'")
    entry = place.parse(item | {"steps": SUPPOSED_STEPS} if is_open else item, JobEntry)
    _check_kind(entry, item, place)
    steps = _steps(entry, place, needed=durations is None)
    wishes = {name: getattr(entry, name) for name in WISHES}
    if entry.command is not None:
        job = _command_job(entry, entry.command, steps, place)
        job = replace(_of_learned_steps(job) if is_open else job, **wishes)
        return [replace(job, id=name) for name in _names(entry, job.label, place, taken)]
    if entry.profile is not None:
        job = replace(_imported_job(entry, entry.profile, steps, place), **wishes)
        return [replace(job, id=name) for name in _names(entry, job.label, place, taken)]
    model = entry.model or ""
    names = _names(entry, label_of(model), place, taken)
    timed = durations is not None and any(durations.of(name, model) for name in names)
    if model not in MODELS and (timed or (durations is not None and not is_own(model))):
        job = _timed_job(entry, item, model, steps, place)
    else:
        job = model_job(entry, model, place, taken)
    first = seed if entry.seed is None else entry.seed
    return [
        replace(job, id=name, seed=first + copy, retries=entry.retries, **wishes)
        for copy, name in enumerate(names)
    ]


def _steps(entry: JobEntry, place: Place, *, needed: bool) -> int:
    """The steps of ``entry``; 1 if it has epochs instead, or no steps are ``needed``."""
    if entry.epochs is not None and entry.steps is not None:
        raise place.wrong(
            "epochs", shown(entry.epochs), "not together with 'steps': either is enough"
        )
    if entry.steps is None and entry.epochs is None and needed:
        allowed = "a whole number > 0 (this key or 'epochs' is required)"
        raise place.wrong("steps", "nothing", allowed)
    return entry.steps or 1


def _check_kind(entry: JobEntry, item: dict[str, Any], place: Place) -> None:
    """Raises :class:`InputError` unless ``entry`` is of one kind, with that kind's keys."""
    kinds = [kind for kind in ("profile", "command", "model") if getattr(entry, kind) is not None]
    if not kinds:
        models = f"{known_models('')} (this key is required)"
        allowed = f"{models}, or a 'command', or an imported 'profile'"
        raise place.wrong("model", "nothing", allowed)
    if len(kinds) > 1:
        kind, other = kinds[0], kinds[-1]
        allowed = f"not together with {kind!r}: a job is a model, a program or an imported profile"
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
    """``job``, whose steps are only supposed, with learned steps if an earlier run has them."""
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
    """A job of a model of which only the duration is known."""
    for key in OF_MODELS:
        if key in item and key not in ("batch", "seed"):
            allowed = f"nothing: of {model!r} only the table of durations is known"
            raise place.wrong(key, shown(item[key]), allowed)
    job = Job("", model, steps, batch=entry.batch or 0, optimizer="", lr=0.0, seed=0)
    return replace(job, arrival_s=entry.arrival_s)


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
