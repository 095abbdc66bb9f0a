"""Builds a job of a model, of the registry or a user's own, from a workload's item."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from rmixer.data.registry import SYNTHETIC
from rmixer.errors import InputError, RunFailed, choice
from rmixer.files.typed_files import plain, shown
from rmixer.models.registry import MODELS
from rmixer.user_code.own_module import OwnModule, find_own_model, is_own
from rmixer.workload.epoch_length import epoch_steps, held_out_samples
from rmixer.workload.job_entry import OWN_METRICS, REAL_TRAINING, JobEntry
from rmixer.workload.place import Place
from rmixer.workload.real_training import SETTINGS_OF
from rmixer.workload.workload import (
    ON_NAN,
    OPTIMIZERS,
    OWN_BATCH,
    OWN_LR,
    OWN_OPTIMIZER,
    PRECISIONS,
    Job,
)


@dataclass(frozen=True)
class Taken:
    """The names used by jobs of a workload so far: each id with the place of its job, and the
    folder of each local module. A worker runs several jobs in turn, so a module's name must mean
    one module."""

    ids: dict[str, str] = field(default_factory=dict)
    roots: dict[str, Path] = field(default_factory=dict)


def model_job(entry: JobEntry, model: str, place: Place, taken: Taken) -> Job:
    """The job of ``model`` that ``entry`` describes, without an id. The folders of its own modules
    are added to ``taken``. Raises :class:`InputError`."""
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
    job = Job(
        id="",
        model=model,
        steps=entry.steps or 1,
        batch=entry.batch or batch,
        optimizer=optimizer,
        lr=entry.lr if entry.lr is not None else lr,
        seed=0,
        rows_cap=entry.rows_cap,
        arrival_s=entry.arrival_s,
        data=_data_path(entry.data, place, must_exist=own is None),
        precision=entry.precision,
        on_nan=entry.on_nan,
        **{name: getattr(entry, name) for name in REAL_TRAINING},
        module_root=str(own.root) if own else "",
        source=own.source if own else "",
    )
    _check_optimizer(job, place)
    _check_stop(job, place)
    if entry.epochs is not None:
        job = replace(job, steps=_steps_of_epochs(job, entry.epochs, place))
    if job.evaluate is not None:
        job = replace(job, held_out=held_out_samples(job))
    if job.lr_schedule is not None and job.lr_schedule.warmup_steps > job.steps:
        found, allowed = job.lr_schedule.warmup_steps, f"at most the job's {job.steps} steps"
        raise place.wrong("lr_schedule.warmup_steps", found, allowed)
    return job


def _check_optimizer(job: Job, place: Place) -> None:
    """Raises :class:`InputError` for a setting that the optimizer does not have."""
    for name, value in job.given_settings.items():
        if name not in SETTINGS_OF[job.optimizer]:
            having = [kind for kind, names in SETTINGS_OF.items() if name in names]
            allowed = f"nothing: {job.optimizer} has none; only {', '.join(having)} has it"
            raise place.wrong(name, shown(value), allowed)


def _check_stop(job: Job, place: Place) -> None:
    """Raises :class:`InputError` for a stop by a metric that is unknown or never evaluated."""
    if job.stop is None:
        return
    if job.evaluation.every_steps is None:
        allowed = "also 'evaluate' with 'every_steps': that is when the metric is looked at"
        raise place.wrong("stop", shown(plain(job.stop)), allowed)
    metric, metrics = job.stop.metric, OWN_METRICS if job.is_own else job.entry.metrics
    if metric not in metrics:
        raise place.wrong("stop.metric", repr(metric), choice(metric, metrics))


def _steps_of_epochs(job: Job, epochs: float, place: Place) -> int:
    try:
        length = epoch_steps(job)
    except InputError as error:
        if error.key != "batch":  # in the data
            raise
        raise place.wrong("batch", error.found, error.allowed) from None
    except RunFailed as error:
        allowed = f"'steps', or a model that can be built: {error}"
        raise place.wrong("epochs", shown(epochs), allowed) from None
    if length is None:
        allowed = "'steps': the batches of this model have no length (no __len__)"
        raise place.wrong("epochs", shown(epochs), allowed)
    return max(1, round(epochs * length))


def known_models(found: str) -> str:
    """A description of valid values for a job's ``model``, the nearest to ``found`` first."""
    return f"{choice(found, MODELS)}, or your own as 'package.module:function'"


def _defaults(model: str, place: Place) -> tuple[int, str, float]:
    """The batch, optimizer and learning rate of ``model``."""
    if is_own(model):
        return OWN_BATCH, OWN_OPTIMIZER, OWN_LR
    if model not in MODELS:
        raise place.wrong("model", repr(model), known_models(model))
    facts = MODELS[model]
    return facts.batch, facts.optimizer, facts.lr


def _own_module(model: str, place: Place, roots: dict[str, Path]) -> OwnModule:
    """The module of ``model``; its local modules are added to ``roots``."""
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
