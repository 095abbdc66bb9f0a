"""Which failed jobs are tried again, when, and with how much memory."""

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
"""Whether the same job may succeed when it is tried again: what its own code, its numbers or its
data did, they do again."""
FIRST_PAUSE_S, GROWTH = 1.0, 4.0
SAFETY = 1.2
"""A job that needed more memory than was promised is promised this much more than it was seen to
hold."""
MORE = 1.5
"""The same times its promise, if nobody saw what it needed."""


def again_after_s(cause: Cause, failures: int, retries: int) -> float | None:
    """Seconds until a job that has failed ``failures`` times, now for ``cause``, is tried again:
    1, 4, 16, ... None if it is not."""
    if not CAN_SUCCEED[cause] or failures > retries:
        return None
    return float(FIRST_PAUSE_S * GROWTH ** (failures - 1))


def corrected_peak_bytes(record: JobRecord, seen_bytes: int, most_bytes: int) -> int:
    """What a job that ran out of memory is promised next time: more than it was ``seen_bytes`` to
    hold and more than it was promised, but no more than it can have alone on its device,
    ``most_bytes``."""
    promised_bytes = record.predicted_bytes
    wanted = SAFETY * seen_bytes if seen_bytes > promised_bytes else MORE * promised_bytes
    return max(promised_bytes, min(round(wanted), most_bytes))
