"""The settings of a policy, as they stand after the colon of its name."""

from __future__ import annotations

import inspect
import math
from typing import Any

from rmixer.errors import InputError, choice
from rmixer.scheduling.policy import Policy

_KINDS = {int: "a whole number", float: "a number", str: "a word"}
_NOT_SET_BY_NAME = ("self", "device_rule")


def settings_of(kind: type[Policy]) -> dict[str, Any]:
    """The settings that ``kind`` takes, with their defaults; the seed is one if it has an effect
    that its documentation tells of, which only the policy knows: it is always taken."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in _NOT_SET_BY_NAME}


def parse_settings(kind: type[Policy], text: str, name: str) -> dict[str, Any]:
    """``key=value,key=value`` as the settings of ``kind``, each of the type of its default. Raises
    :class:`InputError` for a key that it does not have, or a value of another type."""
    known = settings_of(kind)
    found: dict[str, Any] = {}
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError("--policy", repr(name), repr(part), "settings as key=value")
        if key not in known:
            raise InputError("--policy", repr(name), repr(key), choice(key, known))
        if key in found:
            raise InputError("--policy", repr(name), f"{key!r} twice", "each setting once")
        found[key] = _value(type(known[key]), value, f"{name!r}: {key}")
    return found


def _value(kind: type, text: str, where: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if kind in (int, float) and not (math.isfinite(value) and value >= 0):
        raise InputError("--policy", where, repr(text), f"{_KINDS[kind]}, 0 or more")
    return value
