"""Upgrades the summary of a profile that an earlier release wrote."""

from __future__ import annotations

from typing import Any, Final

from rmixer.model_profile.model_profile import SCHEMA_VERSION

BEFORE_MEASUREMENTS: Final = 2
"""In this version each step held the figures of its measurement as fields of its own."""
WITH_INPUT: Final = 3
"""The version that had every point of the sweep over neighbours, and the cost of the input."""

_OF_MEASUREMENT = (
    "n",
    "stalls",
    "half_width",
    "repeatability",
    "rounds",
    "dropped_rounds",
    "closure",
    "waited",
)
_DROPPED_OF_STEP = ("profiler_event_us", "leftover", "sensitivity")


def is_former(data: object) -> bool:
    """True if ``data``, the content of a summary, is of a version that can be upgraded."""
    former = (BEFORE_MEASUREMENTS, WITH_INPUT)
    return isinstance(data, dict) and data.get("schema_version") in former


def upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Converts the summary ``data`` of version 2 to the present version.

    ``data`` is as a release wrote it; its checksum does not hold for the result.
    """
    is_modelled = data["origin"] == "modelled"
    step = _step if data["schema_version"] == BEFORE_MEASUREMENTS else _of_version_3
    return {
        **_without(data, ("input",)),
        "schema_version": SCHEMA_VERSION,
        "steps": [step(each, is_modelled) for each in data["steps"]],
    }


def _step(step: dict[str, Any], is_modelled: bool) -> dict[str, Any]:
    """One step in the present version. On a modelled GPU it has no measurement: the figures there
    were placeholders."""
    measurement = {name: step[name] for name in _OF_MEASUREMENT if name in step}
    was_measured = not (is_modelled and step["device"] == "gpu")
    kept = _without(step, (*_OF_MEASUREMENT, *_DROPPED_OF_STEP))
    return {**kept, "measurement": measurement if was_measured else None}


def _of_version_3(step: dict[str, Any], _: bool) -> dict[str, Any]:
    measurement = step["measurement"]
    return {**step, "measurement": measurement and _without(measurement, _DROPPED_OF_STEP)}


def _without(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
