"""Finds the execution of a run folder, and sends requests to it."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rmixer.errors import InputError, RunFailed

if TYPE_CHECKING:
    from executor.journal.journal import RequestKind
    from experiments.run_files.run_folder import RunFolder

PATIENCE_S = 30.0
"""The longest time that a running execution may take to answer."""
LOOK_EVERY_S, THERE_EVERY_S = 0.1, 1.0
"""Seconds between two looks for the answer, and between two checks that the run still goes on."""


def executing_folder(path: Path) -> RunFolder:
    """The run in ``path``, which was begun by a command that executes. Raises
    :class:`InputError`."""
    from experiments.run_files.run_folder import RunFolder

    folder = RunFolder.open(path)
    folder.check_executes()
    return folder


def present_execution(folder: RunFolder) -> Path:
    """The folder of the execution of ``folder`` that runs now, or began last. Raises
    :class:`InputError` if none has begun."""
    if not folder.begun:
        found = "a run that has not begun to execute"
        raise InputError(folder.path, "", found, "a run that executes, or was interrupted")
    return folder.path / folder.begun[-1]


def ask(place: Path, kind: RequestKind, content: object, run: Path) -> str:
    """Sends a request to the execution in ``place`` and returns the answer. An interrupted
    execution keeps it until it is resumed. Raises :class:`InputError` if it refuses, or has ended.
    """
    from executor.journal.journal import Answer
    from executor.journal.opening import existing_journal
    from executor.overview.journal_view import records_in, state_of

    ended = Answer("the run had ended before it could", refused=True)
    state = state_of(records_in(place))
    if state == "done":
        raise InputError(run, "", "a run that has ended", "one that goes on, or was interrupted")
    with existing_journal(place) as journal:
        number = journal.ask(kind, content)
        if state in ("interrupted", "failed", "stopped"):
            return (
                "the run does not go on now: this is kept in its journal, and done as soon as it "
                f"does (`rmixer execute --resume {shlex.quote(str(run))}`)"
            )
        begin_s = there_s = time.monotonic()
        while (answer := journal.answer_to(number)) is None:
            time.sleep(LOOK_EVERY_S)
            if (now_s := time.monotonic()) > begin_s + PATIENCE_S:
                break
            if now_s > there_s + THERE_EVERY_S:
                there_s = now_s
                if state_of(records_in(place)) == "done":
                    journal.write([], answers={number: ended})  # unless it has an answer
    if answer is None:
        raise RunFailed(f"the run did not answer within {PATIENCE_S:.0f} s; it will when it can")
    if answer.refused:
        raise _Refused(answer.text)
    return answer.text


class _Refused(InputError):  # noqa: N818 - what a run answers
    """The answer of a run that refuses; the text is complete."""

    def __init__(self, text: str) -> None:
        super().__init__("the run", "", text, "")

    def __str__(self) -> str:
        return str(self.found)
