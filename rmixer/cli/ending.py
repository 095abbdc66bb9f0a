"""Ends a training run before it is done: ``--until``, a batch system's limit, a signal."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from rmixer.cli.console import report
from rmixer.display.printable import LONGEST_LINE, printable
from rmixer.errors import InputError, RunFailed

if TYPE_CHECKING:  # with all stages
    from experiments.run_files.run_folder import RunFolder
    from experiments.validation.comparison import Comparison

END_MARGIN_S = 60.0
"""A run begins to end this long before its limit: steps are finished, checkpoints written."""
LAST_LINES = 50
"""The number of last lines shown of a failed job's output."""
_BATCH_LIMIT = "SLURM_JOB_END_TIME"
"""The time at which Slurm ends the job of this process, in seconds since 1970."""

until_option = click.option(
    "--until",
    metavar="TIME",
    help="Write checkpoints and end by then: 07:30, '2026-12-01 07:30', or 8h, 90m from now.",
)


def until_s(text: str | None, environment: Mapping[str, str] = os.environ) -> float | None:
    """The time on ``time.monotonic`` at which to begin to end: from ``--until`` or the batch
    system's limit, whichever is earlier; None if neither is there. Raises :class:`InputError`."""
    now_s = time.time()
    ends_s = [] if text is None else [_moment_s(text, now_s)]
    if environment.get(_BATCH_LIMIT, "").isdigit():
        ends_s.append(float(environment[_BATCH_LIMIT]))
        report(f"the batch system ends this job at {_clock(ends_s[-1])}: the run ends before")
    if not ends_s:
        return None
    return time.monotonic() + max(0.0, min(ends_s) - now_s - END_MARGIN_S)


def _moment_s(text: str, now_s: float) -> float:
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text):
        return now_s + float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
    now = datetime.fromtimestamp(now_s)
    try:
        if found := re.fullmatch(r"(\d{1,2}):(\d{2})", text):
            moment = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
            return (moment + timedelta(days=moment <= now)).timestamp()
        moment = datetime.fromisoformat(text)
    except ValueError:
        allowed = "a time like 07:30, 2026-12-01 07:30, 90m or 8h"
        raise InputError("--until", "", repr(text), allowed) from None
    if moment.timestamp() <= now_s:
        raise InputError("--until", "", f"{text}, which is over", "a time to come")
    return moment.timestamp()


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).strftime("%Y-%m-%d %H:%M")


def outlive_terminal() -> None:
    """Lets the command go on silently when its terminal is closed."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.stdout, sys.stderr = _Outliving(sys.stdout), _Outliving(sys.stderr)  # type: ignore[assignment]


class _Outliving:
    """A stream that drops output once its reader is gone."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def saying_how_to_resume(path: Path) -> Iterator[None]:
    """Wraps a run in the folder ``path``: if it is interrupted, prints the command that resumes
    it."""
    try:
        yield
    except KeyboardInterrupt:
        if next(path.glob("**/journal.sqlite"), None) is not None:
            report(f"the results so far are in {path}; to go on:")
            report(f"  rmixer execute --resume {shlex.quote(str(path))}")
        else:
            report(
                f"nothing was executed yet (run folder: {path}); measurements are kept: "
                "the same command goes on from there"
            )
        raise


def _show_last_words(folder: RunFolder) -> None:
    """Prints the end of the output of each failed job."""
    found = folder.read(".")
    for job in found[1].jobs if found is not None else ():
        log = folder.path / "logs" / f"{job.id}.log"
        if job.state != "failed" or not log.exists():
            continue
        lines = deque(log.read_text(encoding="utf-8", errors="replace").splitlines(), LAST_LINES)
        if lines:
            shown = (printable(line, LONGEST_LINE) for line in lines)
            report("\n".join([f"the end of what {job.id} printed ({log}):", *shown]))


def finish(folder: RunFolder) -> Comparison:
    """Shows the results of the executions in ``folder``. Raises :class:`RunFailed` if a job failed
    for good."""
    from experiments.stages.executions import failed_jobs
    from rmixer.cli.presenting import present_comparison

    comparison = present_comparison(folder)
    if failed := failed_jobs(folder):
        _show_last_words(folder)
        raise RunFailed(f"{len(failed)} job(s) did not finish: {'; '.join(failed)}")
    return comparison
