"""Upgrades the summary of a profile that an earlier release wrote."""

from __future__ import annotations

from typing import Any, Final

from rmixer.model_profile.model_profile import SCHEMA_VERSION

FORMER: Final = (2, 3)
"""The versions that can be upgraded. In 2 each step held its measurement's figures as fields of its
own; both had every point of the sweep over neighbours, and the cost of the input."""

_OF_MEASUREMENT = (
    *("n", "stalls", "half_width", "repeatability", "rounds", "dropped_rounds"),
    *("closure", "waited"),
)
_DROPPED_OF_STEP = ("profiler_event_us", "leftover", "sensitivity")


def is_former(data: object) -> bool:
    """True if ``data``, the content of a summary, is of a version that can be upgraded."""
    return isinstance(data, dict) and data.get("schema_version") in FORMER


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Returns what the summary ``data`` of a former version says in the present one.

    ``data`` is as a release wrote it; its checksum does not hold for the result.
    """
    steps = [_with_measurement(step) for step in data["steps"]]
    found = {**data, "schema_version": SCHEMA_VERSION, "steps": steps}
    return _without(found, ("input",))


def _with_measurement(step: dict[str, Any]) -> dict[str, Any]:
    """Moves the measurement's figures of a version 2 ``step`` into its ``measurement``."""
    if "measurement" in step:
        measurement = step["measurement"] and _without(step["measurement"], _DROPPED_OF_STEP)
        return {**step, "measurement": measurement}
    measurement = {name: step[name] for name in _OF_MEASUREMENT if name in step}
    return {**_without(step, (*_OF_MEASUREMENT, *_DROPPED_OF_STEP)), "measurement": measurement}


def _without(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
