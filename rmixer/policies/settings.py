"""Parses the settings of a policy after the colon of its name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any

from rmixer.errors import InputError, choice
from rmixer.scheduling.policy import Policy

_KINDS = {int: "a whole number, 0 or more", float: "a number, 0 or more", str: "a word"}
_NO_SETTINGS = ("seed", "device_rule")


def settings_of(kind: type[Policy]) -> dict[str, Any]:
    """The settings that ``kind`` takes besides the seed, with their defaults: the parameters of its
    ``__init__``."""
    return {each.name: each.default for each in _parameters(kind)}


def seed_is_taken(kind: type[Policy]) -> bool:
    """True if ``kind`` takes a seed."""
    every = inspect.signature(kind.__init__).parameters.values()
    return any(each.name == "seed" or each.kind is each.VAR_KEYWORD for each in every)


def without_default(kind: type[Policy]) -> list[str]:
    """The parameters of ``kind`` that have no default; a policy should have none."""
    return [each.name for each in _parameters(kind) if each.default is each.empty]


def parse_settings(kind: type[Policy], text: str, name: str) -> dict[str, Any]:
    """Parses ``key=value,key=value`` into the settings of ``kind``, each of the type of its
    default. Raises :class:`InputError` for an unknown key, or a value of another type."""
    known = {"seed": 0, **settings_of(kind)}
    found: dict[str, Any] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError("--policy", repr(name), repr(part), "settings as key=value")
        if key not in known:
            raise InputError("--policy", repr(name), repr(key), choice(key, known))
        if key in found:
            raise InputError("--policy", repr(name), f"{key!r} twice", "each setting once")
        found[key] = _value(known[key], value, f"{name!r}: {key}")
    return found


def _parameters(kind: type[Policy]) -> Iterator[inspect.Parameter]:
    every = list(inspect.signature(kind.__init__).parameters.values())[1:]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return (each for each in every if each.kind not in variadic and each.name not in _NO_SETTINGS)


def _value(default: object, text: str, where: str) -> Any:
    kind = type(default)
    if kind not in _KINDS:
        allowed = "a setting whose default is a whole number, a number or a word"
        raise InputError("--policy", where, f"one whose default is {default!r}", allowed)
    try:
        value: Any = kind(text)  # type: ignore[call-arg]
    except ValueError:
        value = math.nan
    if kind is not str and not (math.isfinite(value) and value >= 0):
        raise InputError("--policy", where, repr(text), _KINDS[kind])
    return value
