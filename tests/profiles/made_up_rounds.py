"""Rounds of one worker, from a list for each of their figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from profiles.measurements.quiet_rounds import Round


def rounds_of(
    probes_s: Sequence[float],
    plain: Sequence[Sequence[float]],
    profiled: Sequence[dict[str, Any]] = (),
    exchanges_us: Sequence[float] = (),
    *,
    waited: Sequence[float] = (),
    event_us: Sequence[float | None] = (),
) -> list[Round]:
    """A round for each of ``probes_s``, with two blocks of ``plain`` each. Of what is not given,
    the profiler saw nothing and an exchange took no time, it never waited, and nothing was asked.
    """
    return [
        Round(
            (plain[2 * at], plain[2 * at + 1]),
            profiled[at] if profiled else {},
            probe_s,
            event_us[at] if event_us else None,
            exchanges_us[at] if exchanges_us else 0.0,
            waited[at] if waited else 0.0,
        )
        for at, probe_s in enumerate(probes_s)
    ]
