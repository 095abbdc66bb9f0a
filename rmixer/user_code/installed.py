"""Programs of an environment: its installed modules, and its console scripts."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from rmixer.user_code.interpreter import answer_of
from rmixer.user_code.sources import module_file

_QUESTION = """
import json, sys
from importlib.util import find_spec
found = find_spec(sys.argv[1])
places = list(found.submodule_search_locations or ()) if found else []
print(json.dumps([places, found.origin if found else None]))
"""
_OF_PYTHON = re.compile(rb"#!.*python|#!/bin/sh\n'''exec' .*python")


def installed_module(python: str, name: str) -> Path | None:
    """The file that ``python -m name`` runs, if ``python`` finds that module in its environment; of
    a package its ``__main__``. None if there is none, or it is not source."""
    top, _, rest = name.partition(".")
    places, origin = _found(python, top)
    if not rest:
        mains = [Path(place) / "__main__.py" for place in places]
        files = mains or ([Path(origin)] if origin and origin.endswith(".py") else [])
        return next(filter(is_file, files), None)
    for place in map(Path, places):
        path = module_file(rest, place)
        if path is not None and path.name == "__init__.py":
            path = path.with_name("__main__.py")
        if path is not None and is_file(path):
            return path
    return None


def console_script(python: str, name: str) -> Path | None:
    """The script ``name`` in the folder of the interpreter ``python``, if it is a Python script;
    else None."""
    if os.sep in name or name in ("", ".", ".."):
        return None
    path = Path(python).parent / name
    try:
        with path.open("rb") as file:
            return path if _OF_PYTHON.match(file.read(300)) else None
    except OSError:
        return None


@cache
def _found(python: str, top: str) -> tuple[list[str], str | None]:
    """The folders where the interpreter looks for modules of the package ``top``, and the file of a
    module of that name."""
    try:
        places, origin = answer_of(python, _QUESTION, top)
        return list(places), origin
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return [], None


def is_file(path: Path) -> bool:
    """True for a file; False for a name that is too long, too."""
    try:
        return path.is_file()
    except OSError:
        return False
