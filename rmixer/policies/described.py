"""Describes the policies for `rmixer policies`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rmixer.errors import InputError, RunFailed
from rmixer.policies.own_policy import installed_policies, own_policy
from rmixer.policies.registry import POLICIES, every_policy, make_policy
from rmixer.policies.rmixer.device_rules import DEVICE_RULES
from rmixer.policies.rmixer.dynamic import DeviceThenJob
from rmixer.policies.settings import settings_of
from rmixer.scheduling.policy import Policy


@dataclass(frozen=True)
class Described:
    """A policy: its ``name`` for ``--policy``, its publication, its ``settings`` with their
    defaults (all take ``seed`` too), its ``rule`` in a line, and the figures of a job that it
    ``needs`` besides its duration."""

    name: str
    source: str
    settings: Mapping[str, Any]
    rule: str
    needs: tuple[str, ...]


def every_described() -> list[Described]:
    """The policies by their full names, then those of installed packages. If one cannot be loaded,
    its rule says so."""
    ours = [_described(name, POLICIES[name.partition("@")[0]]) for name in every_policy()]
    return ours + list(_installed())


def job_rules() -> list[Described]:
    """The same with RMixer's job rules once each, without a device rule."""
    return [_described(name, kind) for name, kind in POLICIES.items()] + list(_installed())


def takes_device_rule(name: str) -> bool:
    """True if our policy ``name`` takes a device rule after an ``@``."""
    return name in POLICIES and issubclass(POLICIES[name], DeviceThenJob)


def device_rules() -> dict[str, str]:
    """The device rules of RMixer by name, each in a line."""
    return {name: summary(rule) for name, rule in DEVICE_RULES.items()}


def summary(documented: object) -> str:
    """The first sentence of its docstring; empty if it has none (an inherited one does not
    count)."""
    text = inspect.cleandoc(getattr(documented, "__doc__", None) or "")
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return sentence + stop.strip()


def _described(name: str, kind: type[Policy]) -> Described:
    needs = tuple(sorted({*make_policy(name).needs}))
    return Described(name, kind.source, settings_of(kind), summary(kind), needs)


def _installed() -> Iterator[Described]:
    for name, path in sorted(installed_policies().items()):
        if name in POLICIES:  # ours is taken
            continue
        try:
            yield _described(name, own_policy(path))
        except (InputError, RunFailed) as error:
            why = error.found if isinstance(error, InputError) else error.reason
            yield Described(name, "", {}, f"Cannot be loaded: {why}", ())
