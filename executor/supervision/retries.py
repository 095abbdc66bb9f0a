"""Decides if and when a failed job is tried again, and with how much memory."""

from __future__ import annotations

from collections.abc import Mapping

from executor.records.job_record import JobRecord
from rmixer.training.task_failure import Cause

CAN_SUCCEED: Mapping[Cause, bool] = {
    "out_of_memory": True,
    "lost_worker": True,
    "hang": True,
    "disk": True,
    "bad_numbers": False,
    "data": False,
    "exception": False,
}
"""True if the same job may succeed when it is tried again. A failure of its own code, its numbers
or its data comes again."""
FIRST_PAUSE_S, GROWTH = 1.0, 4.0
SAFETY = 1.2
"""Factor from the bytes that a job was seen to hold to the bytes booked next, if it exceeded its
booking."""
MORE = 1.5
"""Factor on the bytes booked before, if it was not seen to exceed them."""


def again_after_s(cause: Cause, failures: int, retries: int) -> float | None:
    """Seconds until a job that has failed ``failures`` times, now for ``cause``, is tried again: 1,
    4, 16, ... None if it is not tried again."""
    if not CAN_SUCCEED[cause] or failures > retries:
        return None
    return float(FIRST_PAUSE_S * GROWTH ** (failures - 1))


def corrected_peak_bytes(record: JobRecord, seen_bytes: int, most_bytes: int) -> int:
    """The bytes to book for the next attempt of a job that ran out of memory: more than it was
    ``seen_bytes`` to hold and more than was booked, but at most ``most_bytes``, which it can have
    alone on its device."""
    promised_bytes = record.predicted_bytes
    wanted = SAFETY * seen_bytes if seen_bytes > promised_bytes else MORE * promised_bytes
    return max(promised_bytes, min(round(wanted), most_bytes))
