"""Hashes that code had before, and the one it has now.

``former_sources.json`` has them by the kinds of code: ``models`` (what builds the step of a model
of the library), ``own`` (what runs a user's own model) and ``data`` (what makes a data set of raw
files). ``python -m experiments.tools.rekey_profiles`` writes it. What is filed under a former hash
is still right: the code does the same.
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
