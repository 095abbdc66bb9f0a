"""A place in a file of a workload."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rmixer.errors import InputError, all_of, each_error
from rmixer.files.typed_files import parse

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A part of ``file``: ``key`` is ``jobs.2`` in a workload, or ``line 3`` in a trace, and
    ``joint`` comes between it and a key inside. Relative paths count from ``folder``."""

    file: Path
    key: str
    folder: Path
    joint: str = "."

    def at(self, key: str) -> str:
        """The full key of ``key`` at this place."""
        return f"{self.key}{self.joint}{key}"

    def wrong(self, key: str, found: object, allowed: str) -> InputError:
        """The error about the value of ``key`` at this place."""
        return InputError(self.file, self.at(key), found, allowed)

    def parse(self, data: object, kind: type[T]) -> T:
        """Converts ``data`` from this place to a ``kind``; raises :class:`InputError`."""
        try:
            return parse(data, kind, self.file)
        except InputError as error:
            inside = each_error(error)
        keys = [self.at(error.key) if error.key else self.key for error in inside]
        pairs = zip(inside, keys, strict=True)
        raise all_of([InputError(self.file, key, e.found, e.allowed) for e, key in pairs])
