"""Earlier hashes of code, with its present one.

``former_sources.json`` lists them by the kinds of code: ``models`` (the code that builds the step
of a model of the library), ``own`` (the code that runs a user's own model) and ``data`` (the code
that reads raw files into a data set). ``python -m experiments.tools.rekey_profiles`` writes it.
Data filed under a former hash is still right: the code does the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rmixer.files.typed_files import load_json, parse

PATH = Path(__file__).with_name("former_sources.json")
KINDS = ("models", "own", "data")


@cache
def former_sources() -> Mapping[str, Mapping[str, str]]:
    """By kind: the present hash of each former one."""
    return parse(load_json(PATH, "table of former sources"), dict[str, dict[str, str]], PATH)


def formerly(source: str, kind: str) -> tuple[str, ...]:
    """The former hashes of the code whose hash is ``source`` now."""
    return tuple(old for old, new in former_sources()[kind].items() if new == source)
