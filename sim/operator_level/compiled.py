"""Compiles functions by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Returns ``function``, compiled at its first call. It is kept on disk for the next process,
    unless numba finds no folder that it can write (NUMBA_CACHE_DIR names one)."""
    # Division by zero gives infinity, as in numpy: to look out for it keeps loops from being
    # turned into vector instructions.
    try:
        made = njit(cache=True, error_model="numpy")(function)
    except RuntimeError:
        made = njit(error_model="numpy")(function)
    return cast(Function, made)
