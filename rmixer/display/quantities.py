"""Formats quantities: three or four figures and a unit."""

from __future__ import annotations

ABSENT = "–"


def seconds(value_s: float | None) -> str:
    """``0.42 s``, ``18.6 s``, ``12:05 min``, ``3:02:11 h``."""
    if value_s is None:
        return ABSENT
    if value_s < 10:
        return f"{value_s:.2f} s"
    if value_s < 600:
        return f"{value_s:.1f} s"
    minutes, rest = divmod(round(value_s), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def with_range(value_s: float, range_s: tuple[float, float] | None) -> str:
    """``91.8 s (90%: 88.1 to 95.9 s)``; the value alone if it has no range."""
    if range_s is None:
        return seconds(value_s)
    return f"{seconds(value_s)} (90%: {seconds_range(range_s)})"


def seconds_range(range_s: tuple[float, float]) -> str:
    """``88.1 to 95.9 s``, or ``9.51 s to 10.2 s``: the unit stands once if both values have it and
    equally many digits."""
    low, high = (seconds(value) for value in range_s)
    (shown, unit), (other, its) = low.split(), high.split()
    alike = unit == its and (range_s[0] < 10) == (range_s[1] < 10)
    return f"{shown} to {other} {its}" if alike else f"{low} to {high}"


def time_unit(longest_s: float) -> tuple[str, float]:
    """The unit in which times up to ``longest_s`` have three or four figures, and its seconds, for
    a table that names the unit once."""
    if longest_s < 1000:
        return "s", 1.0
    return ("min", 60.0) if longest_s < 60_000 else ("h", 3600.0)


def figures(value: float | None) -> str:
    """``0.42``, ``9.31``, ``27.9``, ``145``: three figures of a number of 0 or more, no unit."""
    return ABSENT if value is None else _three(value)


def milliseconds(value_ms: float | None) -> str:
    """``0.084 ms``, ``4.31 ms``, ``127 ms``."""
    if value_ms is None:
        return ABSENT
    digits = 3 if value_ms < 1 else 2 if value_ms < 10 else 1 if value_ms < 100 else 0
    return f"{value_ms:.{digits}f} ms"


def size(value_bytes: float | None) -> str:
    """``512 B``, ``64.2 MiB``, ``1.50 GiB``."""
    if value_bytes is None:
        return ABSENT
    value = float(value_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{_three(value)} {unit}"
        value /= 1024
    return f"{_three(value)} TiB"


def count(value: float, unit: str) -> str:
    """``1.20 GFLOP``, ``340 kFLOP``: a count with a decimal prefix."""
    for prefix in ("", "k", "M", "G"):
        if value < 1000:
            return f"{value:.0f} {unit}" if not prefix else f"{_three(value)} {prefix}{unit}"
        value /= 1000
    return f"{_three(value)} T{unit}"


def percent(fraction: float | None) -> str:
    """``4.2%``."""
    return ABSENT if fraction is None else f"{fraction:.1%}"


def signed_percent(fraction: float | None, digits: int = 1) -> str:
    """``+4.2%``, ``−3.1%``: a signed error."""
    return ABSENT if fraction is None else f"{fraction:+.{digits}%}".replace("-", "−")


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
