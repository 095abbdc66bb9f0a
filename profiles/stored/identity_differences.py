"""Says in words how a stored profile's cost identity differs from the one asked for."""

from __future__ import annotations

from dataclasses import fields

from rmixer.workload.cost_identity import CostIdentity

_OTHER = {"source": "other code", "data": "other data"}
_SETTING = {"config": "configuration", "rows_cap": "cap of rows"}
"""Names of fields of a cost identity in messages."""


def apart_in_words(old: CostIdentity, now: CostIdentity) -> str:
    """Names the fields that differ: ``was profiled with other code and another configuration``."""
    differing = [f.name for f in fields(old) if getattr(old, f.name) != getattr(now, f.name)]
    words = [_OTHER[name] for name in differing if name in _OTHER]
    settings = [_SETTING.get(name, name) for name in differing if name not in _OTHER]
    if settings:
        words.append(f"another {' and '.join(settings)}")
    return f"was profiled with {' and '.join(words)}"
