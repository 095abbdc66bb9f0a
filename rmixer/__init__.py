"""RMixer: profile, simulate, schedule and train a queue of recommendation models on one machine.

In a program or a notebook ``rmixer.profile``, ``rmixer.simulate``, ``rmixer.sweep`` and
``rmixer.run`` do what the commands of these names do (:mod:`rmixer.library`).

This package holds the vocabulary that every stage shares: the machine, the workload, the
profile, the timeline, the policies and the training step. The stages themselves are the
top-level packages ``profiles``, ``sim``, ``executor`` and ``experiments``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # a program that only calls step() need not load typing
    from typing import Any

__version__ = "0.1.0"
_HOMES = {
    **dict.fromkeys(("profile", "run", "simulate", "sweep"), "rmixer.library"),
    **dict.fromkeys(("InputError", "RunFailed"), "rmixer.errors"),
}


def step() -> None:
    """Reports from a training program that a training step has ended.

    RMixer counts the steps of a program that it runs by its optimizers. If the program calls this
    once a step, only these calls count. Outside of RMixer it does nothing; it costs about a
    microsecond.
    """
    hook = sys.modules.get("_rmixer_step_hook")
    if hook is not None:
        hook.called()


def __getattr__(name: str) -> Any:
    """Loads what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rmixer' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
