"""What is read from files with no other keys than it knows."""

from __future__ import annotations

from pydantic import ConfigDict


class Strict:
    """A dataclass whose mapping in a file has no further keys."""

    __pydantic_config__ = ConfigDict(extra="forbid")
