"""Compiles functions by numba, which is an extra.

If it is missing, or cannot keep what it compiled, numpy walks the mix and the rest runs as plain
Python.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """``function``, compiled at its first call and kept on disk for the next process. If nothing
    can be compiled, it stays plain Python."""
    if missing():
        return function
    from numba import njit

    # Division by zero gives infinity, as in numpy: to look out for it keeps loops from being
    # turned into vector instructions.
    return cast(Function, njit(cache=True, error_model="numpy")(function))


def not_installed() -> str | None:
    """A sentence that says that numba is missing; None if it is there. Does not import it, which
    takes a while."""
    there = importlib.util.find_spec("numba") is not None
    return None if there else "numba is not installed (`pip install 'rmixer[fast]'`)"


@cache
def missing() -> str | None:
    """A sentence that says why nothing can be compiled here; None if it can."""
    if why := not_installed():
        return why
    try:
        from numba import njit

        njit(cache=True)(missing.__wrapped__)
    except RuntimeError:
        return "numba finds no folder to keep what it compiles in (NUMBA_CACHE_DIR names one)"
    return None
