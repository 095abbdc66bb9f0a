"""Upgrades the summary of a profile that an earlier release wrote."""

from __future__ import annotations

from typing import Any, Final

from rmixer.model_profile.model_profile import SCHEMA_VERSION

BEFORE_MEASUREMENTS: Final = 2
"""The version in which each step held its measurement's figures as fields of its own."""

_OF_MEASUREMENT = (
    "n",
    "stalls",
    "half_width",
    "repeatability",
    "rounds",
    "dropped_rounds",
    "closure",
    "waited",
    "sensitivity",
)
_DROPPED_OF_STEP = ("profiler_event_us", "leftover")
_DROPPED_OF_INPUT = ("storage_bytes",)


def is_former(data: object) -> bool:
    """Tells whether ``data``, the content of a summary, is of a version that can be upgraded."""
    return isinstance(data, dict) and data.get("schema_version") == BEFORE_MEASUREMENTS


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Returns what the summary ``data`` of version 2 says in the present version.

    ``data`` is as a release wrote it; its checksum does not hold for the result.
    """
    return {
        **data,
        "schema_version": SCHEMA_VERSION,
        "steps": [_step(step) for step in data["steps"]],
        "input": [_without(cost, _DROPPED_OF_INPUT) for cost in data.get("input", ())],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    measurement = {name: step[name] for name in _OF_MEASUREMENT if name in step}
    return {**_without(step, (*_OF_MEASUREMENT, *_DROPPED_OF_STEP)), "measurement": measurement}


def _without(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
