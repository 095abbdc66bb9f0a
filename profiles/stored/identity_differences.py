"""What sets a profile's cost identity apart from the one that is wanted."""

from __future__ import annotations

from dataclasses import fields

from rmixer.workload.cost_identity import CostIdentity

_OTHER = {"source": "other code", "data": "other data"}
_SETTING = {"config": "configuration", "rows_cap": "cap of rows"}
"""What the fields of a cost identity are called."""


def apart_in_words(old: CostIdentity, now: CostIdentity) -> str:
    """In words, which fields differ: ``was profiled with other code and another configuration``."""
    differing = [f.name for f in fields(old) if getattr(old, f.name) != getattr(now, f.name)]
    words = [_OTHER[name] for name in differing if name in _OTHER]
    settings = [_SETTING.get(name, name) for name in differing if name not in _OTHER]
    if settings:
        words.append(f"another {' and '.join(settings)}")
    return f"was profiled with {' and '.join(words)}"
