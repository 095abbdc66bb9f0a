"""Compiling by numba, which is an extra. Without it, or where it cannot keep what it compiled, the
walk by numpy does the work."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """``function``, compiled at its first call and kept on disk for the next process. Raises
    RuntimeError if no folder can be written for that."""
    from numba import njit

    return cast(Function, njit(cache=True)(function))


@cache
def missing() -> str | None:
    """Why nothing can be compiled here, in words; None if it can."""
    try:
        importlib.import_module("sim.operator_level.compiled_walk")
    except ImportError:
        return "numba is not installed"
    except RuntimeError:
        return "numba finds no folder to keep what it compiles (NUMBA_CACHE_DIR names one)"
    return None
