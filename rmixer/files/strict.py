"""The base of dataclasses that are read from files without unknown keys."""

from __future__ import annotations

from pydantic import ConfigDict


class Strict:
    """A dataclass whose mapping in a file has no further keys."""

    __pydantic_config__ = ConfigDict(extra="forbid")
