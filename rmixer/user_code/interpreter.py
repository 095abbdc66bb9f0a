"""Finds the Python of another environment and its versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rmixer.errors import InputError

OLDEST = (3, 8)
"""The oldest Python whose programs' steps can be counted."""

_ANSWER_WITHIN_S = 60
_QUESTION = """
import json, sys
try:
    from importlib.metadata import version
    torch = version("torch")
except Exception:
    torch = ""
try:
    from importlib.util import find_spec
    has_torch = find_spec("torch") is not None
except Exception:
    has_torch = bool(torch)
print(json.dumps([list(sys.version_info[:3]), torch, has_torch]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python at ``path`` (not resolved: the link in a virtual environment selects it), with its
    version and that of its torch (empty if it has none, or one without a version)."""

    path: str
    version: str
    torch: str
    has_torch: bool


def find_interpreter(python: str | None, folder: Path, where: object, key: str) -> Interpreter:
    """The Python named ``python``: a path, relative to ``folder``, or a command on ``PATH``; None
    is the one that runs this.

    It is run once to get its versions. Raises :class:`InputError` (for ``where``, ``key``) if that
    fails or it is older than :data:`OLDEST`.
    """
    if python is None:
        path = sys.executable
    elif os.sep in python or (folder / python).is_file():
        path = os.path.abspath(folder / os.path.expanduser(python))
    else:
        path = shutil.which(python) or python
    said = _ask(path)
    if isinstance(said, str):
        found = f"{python!r}, which {said}"
        raise InputError(where, key, found, "a Python interpreter, like env/bin/python")
    version, torch, has_torch = said
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise InputError(where, key, f"Python {_dotted(version)}", f"Python {oldest} or later")
    return Interpreter(path, _dotted(version), torch, has_torch)


@cache
def _ask(path: str) -> tuple[tuple[int, ...], str, bool] | str:
    """The versions, or an error text."""
    try:
        version, torch, has_torch = answer_of(path, _QUESTION)
        return tuple(version), torch, has_torch
    except FileNotFoundError:
        return "does not exist"
    except subprocess.TimeoutExpired:
        return f"did not answer within {_ANSWER_WITHIN_S} s"
    except (OSError, subprocess.CalledProcessError, ValueError, TypeError):
        return "is no Python that can be run"


def answer_of(python: str, question: str, *words: str) -> Any:
    """The JSON that the interpreter at ``python`` prints when it runs ``question``. It is run
    outside the program's folder, whose modules could hide Python's. Raises :class:`OSError`,
    :class:`subprocess.SubprocessError` or :class:`ValueError`."""
    done = subprocess.run(
        [python, "-c", question, *words],
        cwd=os.sep,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_ANSWER_WITHIN_S,
        check=True,
    )
    return json.loads(done.stdout)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
