"""RMixer: profile, simulate, schedule and train a queue of recommendation models on one machine.

This package holds the vocabulary that every stage shares: the machine, the workload, the
profile, the timeline, the policies and the training step. The stages themselves are the
top-level packages ``profiles``, ``sim``, ``executor`` and ``experiments``.
"""

import sys

__version__ = "0.1.0"


def step() -> None:
    """Reports from a training program that a training step has ended.

    RMixer counts the steps of a program that it runs by its optimizers. If the program calls this
    once a step, only these calls count. Outside of RMixer it does nothing; it costs about a
    microsecond.
    """
    hook = sys.modules.get("_rmixer_step_hook")
    if hook is not None:
        hook.called()
