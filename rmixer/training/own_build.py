"""Builds a user's own model for a job: imports its module, calls its function, and checks the
result."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rmixer.errors import RunFailed
from rmixer.own_model import OwnModel
from rmixer.training.user_code import UserCode
from rmixer.user_code.own_module import own_sources, source_hash
from rmixer.workload.workload import Job

Build = Callable[[Job], OwnModel]


@cache
def load_build(model: str, root: str, source: str) -> Build:
    """Loads the function ``package.module:function`` from a module under ``root``, which is put at
    the end of Python's path. ``source`` is the hash of its sources when it was profiled.

    A module stays imported: workers run one job after the other.
    """
    module, _, function = model.partition(":")
    if source_hash(own_sources(module, Path(root)), Path(root)) != source:
        raise RunFailed(
            f"{model}: its source in {root} has changed since the workload was read: "
            "start again, so that what runs is what was profiled"
        )
    if root not in sys.path:
        sys.path.append(root)
        importlib.invalidate_caches()
    with UserCode():
        __import__(module)
        imported = sys.modules[module]
    place = getattr(imported, "__file__", None)
    if place is None or Path(root) not in Path(place).parents:
        raise RunFailed(f"{model}: {module!r} was imported from {place} instead of from {root}")
    build: object = getattr(imported, function, None)
    if not callable(build):
        raise RunFailed(f"{model}: {place} has no function {function!r}")
    return build


def build_own_model(build: Build, job: Job) -> OwnModel:
    """The result of ``build`` for ``job``, with all generators seeded before; raises
    :class:`RunFailed` with an explanation if it is not a correct :class:`OwnModel`."""
    torch.manual_seed(job.seed)
    np.random.seed(job.seed)
    random.seed(job.seed)
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    with UserCode():
        own = build(job)
    if torch.get_num_threads() != threads:  # how many there are is the schedule's to say
        torch.set_num_threads(threads)
    if torch.get_default_dtype() != dtype:
        changed = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        raise RunFailed(
            f"{job.model}: it set torch's default dtype to {changed}, for every later job of this "
            "process too: give the dtype to your modules and tensors instead"
        )
    _check(own, job.model)
    return own


def _check(own: Any, model: str) -> None:
    if not isinstance(own, OwnModel):
        returned = f"{type(own).__module__}.{type(own).__qualname__}".removeprefix("builtins.")
        raise RunFailed(f"{model} returned {returned}; allowed: a rmixer.own_model.OwnModel")
    wrong = _first_wrong(own)
    if wrong is not None:
        name, allowed = wrong
        found = _described(getattr(own, name))
        raise RunFailed(f"{model}: {name} of OwnModel: found {found}; allowed: {allowed}")


def _described(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of " + (_kinds(value) or "nothing")
    return "None" if value is None else f"{type(value).__name__}"


def _kinds(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(type(value).__name__ for value in values))


def _first_wrong(own: OwnModel) -> tuple[str, str] | None:
    """The first wrong field, and a description of valid values; None if all are right."""
    optimizers = optimizers_of(own)
    if not isinstance(own.module, nn.Module):
        return "module", "a torch.nn.Module"
    if not any(parameter.requires_grad for parameter in own.module.parameters()):
        return "module", "a torch.nn.Module with parameters that require a gradient"
    if any(values.is_meta for values in (*own.module.parameters(), *own.module.buffers())):
        return "module", (
            "a torch.nn.Module whose parameters and buffers have values: some of this one's are on "
            "the meta device (`module.to_empty(device='cpu')`, and initialise them)"
        )
    if not isinstance(own.batches, Iterable):
        return "batches", "an iterable of batches: a list, a DataLoader, an object with __iter__"
    if not callable(own.loss):
        return "loss", "a function of (module, batch) that returns one number with a gradient"
    if not optimizers or not all(isinstance(o, torch.optim.Optimizer) for o in optimizers):
        return "optimizers", "a torch optimizer, or a list of them"
    if own.held_out is not None and not isinstance(own.held_out, Iterable):
        return "held_out", "None or an iterable of batches"
    if own.predict is not None and not callable(own.predict):
        return "predict", "None or a function of (module, batch) that returns (labels, logits)"
    if own.predict is not None and own.held_out is None:
        return "held_out", "an iterable of batches where predict is given"
    if not isinstance(own.stateful, (list, tuple)) or not all(map(_has_state, own.stateful)):
        return "stateful", "objects with state_dict and load_state_dict, or torch.Generator"
    return None


def _has_state(value: object) -> bool:
    methods = ("state_dict", "load_state_dict")
    return isinstance(value, torch.Generator) or all(hasattr(value, name) for name in methods)


def optimizers_of(own: OwnModel) -> tuple[Any, ...]:
    """The optimizers as a tuple, if one or several were given."""
    given: Any = own.optimizers
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)
