"""The inputs of DeepRecSys' eight models (ISCA 2020, arXiv 2001.02772), as settings of
:class:`rmixer.data.synthetic_clicks.SyntheticClicks`."""

from __future__ import annotations

from typing import Any

_SEQUENCE = (*(500_000,) * 41, 5_000_000, 5_000_000)

SHAPES: dict[str, dict[str, Any]] = {
    "rm1": {"dense": 128, "rows": (4_000_000,) * 8, "look_ups": 80},
    "rm2": {"dense": 256, "rows": (500_000,) * 32, "look_ups": 120},
    "rm3": {"dense": 2560, "rows": (2_000_000,) * 10, "look_ups": 20},
    "wnd": {"dense": 512, "rows": (1_000_000,) * 27, "look_ups": 1},
    "mtwnd": {"dense": 512, "rows": _SEQUENCE, "look_ups": 1, "tasks": 2},
    "ncf": {"dense": 0, "rows": (140_000, 28_000), "look_ups": 1},
    "din": {"dense": 0, "rows": (1_000_000, 100_000, 10_000_000, 10_000_000), "look_ups": 3},
    "dien": {"dense": 0, "rows": _SEQUENCE, "look_ups": 1},
}
