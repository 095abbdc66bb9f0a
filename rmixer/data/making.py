"""The recipe of a data set, and settings for making it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.dataset import DataSet
from rmixer.data.malformed import Limits
from rmixer.data.preparation import Source
from rmixer.data.registry import dataset_entry

Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows progress: called with a title, it gives a function of (done, total)."""

BLOCK_BYTES = 8 << 20


def no_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """A :data:`Bar` that shows nothing."""
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the content of a data set: its ``name``, and the raw ``files`` below
    ``data`` (none if that is ``synthetic``). ``fingerprint`` is a hash of these and of the code
    that reads them."""

    name: str
    data: str
    files: Mapping[Path, Source]
    fingerprint: str

    @property
    def dataset(self) -> DataSet:
        """The data set of this recipe."""
        return dataset_entry(self.name).load()


@dataclass(frozen=True)
class Making:
    """Settings for making a data set that does not exist yet. ``limits``, if given, also hold for
    an existing one. ``workers`` parse the raw files (None: one for each usable core); ``report``
    takes messages for people."""

    limits: Limits | None = None
    workers: int | None = None
    bar: Bar = no_bar
    report: Callable[[str], None] = lambda text: None
    block_bytes: int = BLOCK_BYTES
