"""Collects all errors of a job of a workload, not only the first."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from rmixer.errors import InputError, each_error
from rmixer.workload.place import Place

_KINDS = ("model", "command", "profile")
_LEANING = {"optimizer": ("weight_decay", "betas", "momentum"), "evaluate": ("stop",)}
"""If the first key is wrong, the others cannot be checked."""
_MANY_STEPS = 2**31 - 1


def all_wrong(
    error: InputError, item: dict[str, Any], place: Place, read: Callable[[dict[str, Any]], object]
) -> list[InputError]:
    """``error``, for which ``read`` refused ``item``, and further errors that it raises once the
    wrong keys are left out."""
    found: list[InputError] = []
    left = dict(item)
    while True:
        found += each_error(error)
        keys = {_key(each, place) for each in each_error(error)}
        if not keys <= left.keys() or not keys.isdisjoint(_KINDS):
            return found
        for key in keys:
            for other in (key, *_LEANING.get(key, ())):
                left.pop(other, None)
        if "steps" not in left and "epochs" not in left:
            left["steps"] = _MANY_STEPS
        try:
            read(left)
        except InputError as next_error:
            error = next_error
        else:
            return found
        if _is_there(_key(error, place), error, item):
            return found


def _key(error: InputError, place: Place) -> str:
    """The key of the job that ``error`` is about."""
    return error.key.removeprefix(place.at("")).partition(".")[0]


def _is_there(key: str, error: InputError, item: dict[str, Any]) -> bool:
    """True if the key that ``error`` misses is there under a similar name, which was already
    reported."""
    if key in item or error.found != "nothing":
        return False
    return bool(difflib.get_close_matches(key, item, n=1))
