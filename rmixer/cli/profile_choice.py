"""Finds the profile of a model that a user means."""

from __future__ import annotations

from dataclasses import replace

from profiles.stored.store import Store
from rmixer.cli.console import report
from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.workload import job_of


def profile_of_model(
    store: Store, machine: str, model: str, batch: int | None, other_code: bool
) -> ModelProfile:
    """Finds a profile on ``machine``: the one with the name ``model``; else the one of this model
    with its defaults, or with ``batch``, with ``other_code`` also of older code; else the only one
    of this model. The last two are reported. Raises :class:`InputError`."""
    named = None if "/" in model else store.find(machine, model)
    if named and batch in (None, named.identity.batch):
        return named
    job = job_of(model)
    identity = replace(job, batch=batch or job.batch).identity
    if known := store.find(machine, identity.key):
        return known
    if other_code:  # of this machine it can be taken anew
        sources = store.other_sources(machine, identity)
        older = (store.find(machine, replace(identity, source=s).key) for s in sources)
        if found := next((each for each in older if each), None):
            report(f"{found.key}: profiled with an older version of the training step")
            return found
    of_model = [p for p in store.profiles(machine) if p.identity.model == model]
    alike = [p for p in of_model if p.identity.batch == identity.batch or batch is None]
    if len(alike) == 1:
        (only,) = alike
        apart = store.stale(machine, replace(identity, batch=only.identity.batch))
        at = f" at batch {batch}" if batch else ""
        which = apart or "was taken at another batch"
        report(f"{only.key}: the only profile of {model}{at}; it {which}")
        return only
    have = ", ".join(found.key for found in of_model) or "none"
    allowed = f"one of those of {model} on {machine}: {have} (`rmixer profile run {model}`)"
    raise InputError("rmixer profile show", "", f"no profile {identity.key}", allowed)
