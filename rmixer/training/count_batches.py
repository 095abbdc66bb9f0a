"""Counts the batches of a user's own model: ``python -m rmixer.training.count_batches FILE``.

It reads the job pickled from the standard input. It writes the answer to ``FILE`` in JSON:
``batches``, null if they have no length, or ``failed``, the reason in a line. It is a separate
process because it imports the user's module.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

from rmixer.errors import RunFailed
from rmixer.training.own_build import load_build
from rmixer.training.own_step import OwnStep
from rmixer.workload.workload import Job


def counted(job: Job) -> dict[str, Any]:
    """The answer for ``job``."""
    try:
        step = OwnStep(job, load_build(job.model, job.module_root, job.source))
    except RunFailed as error:
        return {"failed": error.reason}
    return {"batches": step.steps_per_epoch}


if __name__ == "__main__":
    answer = counted(pickle.load(sys.stdin.buffer))
    Path(sys.argv[1]).write_text(json.dumps(answer), encoding="utf-8")
