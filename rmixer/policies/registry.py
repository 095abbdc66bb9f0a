"""The policies by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from rmixer.errors import InputError, choice
from rmixer.policies.baselines.lpt import Lpt
from rmixer.policies.baselines.simple import AllAtOnce, Monolithic, Mps, Sequential
from rmixer.policies.own_policy import installed_policies, names_a_class, own_policy
from rmixer.policies.published.carma import CARMA
from rmixer.policies.published.cognn import CognnBase, CognnBmc, CognnLmcf
from rmixer.policies.published.gavel import Gavel
from rmixer.policies.published.horus import Horus
from rmixer.policies.published.lucid import Lucid
from rmixer.policies.published.muri import Muri
from rmixer.policies.rmixer.device_rules import DEVICE_RULES
from rmixer.policies.rmixer.dy_mix import DyMix
from rmixer.policies.rmixer.dynamic import DeviceThenJob
from rmixer.policies.rmixer.queue_policies import (
    Cognn,
    DyArin,
    DyMemo,
    DyRand,
    DySequ,
    DyType,
    Static,
)
from rmixer.policies.settings import parse_settings
from rmixer.scheduling.asking import called
from rmixer.scheduling.policy import Policy


def _every(*kinds: type[Policy]) -> tuple[type[Policy], ...]:
    return kinds


POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in _every(
        Sequential,
        Monolithic,
        Mps,
        AllAtOnce,
        Lpt,
        DySequ,
        DyRand,
        DyMemo,
        DyArin,
        DyType,
        DyMix,
        Static,
        Cognn,
        CognnBase,
        CognnLmcf,
        CognnBmc,
        *CARMA,
        Horus,
        Lucid,
        Muri,
        Gavel,
    )
}


def every_policy() -> Iterator[str]:
    """The full names of all policies with their default settings: the job rules of RMixer with each
    of its device rules."""
    for name, kind in POLICIES.items():
        if issubclass(kind, DeviceThenJob):
            yield from (f"{name}@{rule}" for rule in DEVICE_RULES)
        else:
            yield name


def policy_names(text: str | None) -> tuple[str, ...]:
    """Splits ``dyType,dyMix:beta=2,seed=3,lpt`` into full names, each with all of its settings;
    None gives all policies."""
    if text is None:
        return tuple(every_policy())
    names: list[str] = []
    for part in map(str.strip, text.split(",")):
        key, equals, _ = part.partition("=")
        if names and equals and ":" not in key:  # another setting of the one before
            names[-1] += f",{part}"
        else:
            names.append(part)
    return tuple(names)


def make_policy(text: str, seed: int = 0) -> Policy:
    """Makes a new policy. ``text`` is ``job@device:key=value,key=value``: a name of `rmixer
    policies`; for a job rule of RMixer a device rule, by default the one of the same name, else
    ``dySequ``; and settings. Or it names a user's own policy, as ``package.module:Class`` or by its
    entry point, with settings after another colon. Raises :class:`InputError` with the nearest
    known name, and :class:`rmixer.errors.PolicyFailed` for an error in the ``__init__`` of an own
    policy."""
    name, _, settings = text.partition(":")
    given: dict[str, object] = {"seed": seed}
    if _is_path(text):
        path, _, settings = settings.partition(":")
        kind = own_policy(f"{name}:{path}")
    else:
        job, at, device = name.partition("@")
        kind = _kind(job, text)
        given |= _device_rule(kind, job, device if at else None, text)
    given |= parse_settings(kind, settings, text)
    return make_of(kind, text, given)


def make_of(kind: type[Policy], title: str, given: Mapping[str, object]) -> Policy:
    """Makes a new policy of ``kind``, to be filed as ``title``, with the ``given`` seed and
    settings. Raises as :func:`make_policy`."""
    with called(kind, title):
        policy = kind(**given)  # type: ignore[arg-type]
    if getattr(policy, "seed", None) != given["seed"]:
        allowed = "one whose __init__ calls super().__init__(seed)"
        raise InputError("--policy", "", f"{title!r}, which does not keep its seed", allowed)
    policy.title = title
    return policy


def _is_path(text: str) -> bool:
    """True if ``text`` names a user's own class. ``lpt:Mine`` does if there is a module ``lpt``;
    else it is our policy with a setting that lacks its value."""
    name, _, _ = text.partition(":")
    return names_a_class(text) and (name not in POLICIES or find_spec(name) is not None)


def _kind(name: str, text: str) -> type[Policy]:
    if name in POLICIES:
        return POLICIES[name]
    installed = installed_policies()
    if name in installed:
        try:
            return own_policy(installed[name])
        except InputError as error:
            found = f"{name!r} of an installed package: {error.found}"
            raise InputError(error.where, error.key, found, error.allowed) from None
    known = {**POLICIES, **installed}
    allowed = f"{choice(name, known)}, or your own as 'package.module:Class'"
    raise InputError("--policy", "", repr(text), allowed)


def _device_rule(kind: type[Policy], job: str, device: str | None, text: str) -> dict[str, object]:
    if not issubclass(kind, DeviceThenJob):
        if device is not None and (kind, device) != (DyMix, DyMix.name):
            allowed = f"{job!r} alone: it takes no device rule"
            raise InputError("--policy", "", repr(text), allowed)
        return {}
    if device is None:
        return {"device_rule": job if job in DEVICE_RULES else "dySequ"}
    if device not in DEVICE_RULES:
        allowed = f"after the @ {choice(device, DEVICE_RULES)}"
        raise InputError("--policy", "", repr(text), allowed)
    return {"device_rule": device}
