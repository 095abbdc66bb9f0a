"""``rmixer logs``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import BinaryIO

import click

LOOK_EVERY_S, LOOKS = 0.25, 4
"""Seconds between two looks at the log, and the number of such looks between two at the run."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Follow the output until the job ends.")
@click.option("--lines", type=click.IntRange(min=0), help="Begin with the last N lines.")
def command(run: Path, job: str, follow: bool, lines: int | None) -> None:
    """Show the output of JOB of the run in the folder RUN and, if it failed, the reason."""
    from executor.overview.journal_view import records_in
    from executor.supervision.execution import failure_of, log_of
    from rmixer.cli.asking import executing_folder, present_execution
    from rmixer.errors import InputError, choice

    folder = executing_folder(run)
    place = present_execution(folder)
    records = records_in(place)
    if job not in records.jobs:
        allowed = f"a job of the run: {choice(job, records.jobs)}"
        raise InputError("JOB", "", repr(job), allowed)
    shown = _Shown(log_of(place, job), lines)
    shown.go_on()
    while follow and _goes_on(place, job):
        for _ in range(LOOKS):
            time.sleep(LOOK_EVERY_S)
            shown.go_on()
    shown.go_on()
    state = records_in(place).state(job)
    if not shown.any_text:
        print(f"{job} ({state}) has printed nothing", file=sys.stderr)
    failure = failure_of(place, job)
    if state in ("failed", "waiting") and failure.exists():
        print(f"--- {job} failed ---")
        print(_readable(failure.read_bytes()), end="")


def _goes_on(place: Path, job: str) -> bool:
    from executor.overview.journal_view import records_in, state_of

    records = records_in(place)
    if state_of(records) not in ("running", "elsewhere"):
        return False
    return records.state(job) not in ("done", "failed", "cancelled")


class _Shown:
    """The shown part of the log at ``path``: its last ``lines``, or all, then new output."""

    def __init__(self, path: Path, lines: int | None) -> None:
        self._path, self._lines = path, lines
        self._place = 0
        self.any_text = False

    def go_on(self) -> None:
        """Shows the output since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            if file.seek(0, 2) < self._place:  # it was cut
                self._place = 0
            file.seek(self._place)
            new = self._first(file) if self._lines is not None else file.read()
            self._place = file.tell()
        self._lines = None
        if new:
            self.any_text = True
            print(_readable(new), end="", flush=True)

    def _first(self, file: BinaryIO) -> bytes:
        every = file.read().splitlines(keepends=True)
        return b"".join(every[len(every) - (self._lines or 0) :] if self._lines else [])


def _readable(text: bytes) -> str:
    """``text`` for a terminal: each new state of a progress bar becomes a line."""
    from rmixer.display.printable import printable

    read = text.decode(errors="replace").replace("\r\n", "\n")
    if sys.stdout.isatty():
        read = printable(read.replace("\r", "\n"), len(read))
    return read
