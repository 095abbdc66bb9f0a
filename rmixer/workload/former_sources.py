"""Hashes that the code of a step had before, and the one it has now.

``former_sources.json`` has them by the two kinds of code, ``models`` (of the library's models) and
``own`` (what runs a user's own model). ``python -m experiments.tools.rekey_profiles`` writes it. A
profile that is filed under a former hash is still right: the step runs the same operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rmixer.files.typed_files import load_json, parse

PATH = Path(__file__).with_name("former_sources.json")
KINDS = ("models", "own")


@cache
def former_sources() -> Mapping[str, Mapping[str, str]]:
    """By kind: the present hash of each former one."""
    return parse(load_json(PATH, "table of former sources"), dict[str, dict[str, str]], PATH)


def formerly(source: str, kind: str) -> tuple[str, ...]:
    """The former hashes of the code whose hash is ``source`` now."""
    return tuple(old for old, new in former_sources()[kind].items() if new == source)
