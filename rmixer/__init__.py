"""RMixer: profile, simulate, schedule and train a queue of recommendation models on one machine.

This package holds the vocabulary that every stage shares: the machine, the workload, the
profile, the timeline, the policies and the training step. The stages themselves are the
top-level packages ``profiles``, ``sim``, ``executor`` and ``experiments``.
"""

__version__ = "0.1.0"
