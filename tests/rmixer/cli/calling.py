"""Call the command line as a shell would, in this process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rmixer.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """Run ``rmixer`` with ``arguments``."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return Ended(int(ended.value.code or 0), printed.out, printed.err)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one message of a command whose input is wrong; checks that it is one message, without
    a traceback, and exit code 2."""
    ended = call(capsys, *arguments)
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert ended.err.count("error: ") == 1
    return ended.err
