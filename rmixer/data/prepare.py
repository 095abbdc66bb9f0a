"""From a data set's name to arrays on disk, made once and kept. Needs no torch."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from rmixer.data.arrays import Arrays, Chunks, Column, read_arrays, write_arrays
from rmixer.errors import InputError
from rmixer.files import content_hash
from rmixer.home import home
from rmixer.workload import SYNTHETIC


class Dataset(Protocol):
    """What a module ``rmixer.data.<name>`` offers."""

    COLUMNS: Mapping[str, Column]

    def twin(self) -> Chunks:
        """Synthetic samples like the real ones: the same at every call."""

    def raw_files(self, data: Path) -> tuple[Path, ...]:
        """The raw files under ``data``; raises :class:`InputError` if one is missing."""

    def read(self, data: Path) -> Chunks:
        """The samples of the raw files; raises :class:`InputError` for what is malformed."""


def prepare(dataset: str, data: str) -> Path:
    """The folder that holds ``dataset`` as arrays, made first if it is not there.

    ``data`` is ``synthetic`` or a path to raw files. The folder's name has a hash of the sources
    that make it, and of the raw files' names, sizes and times. It is written under another name
    and renamed, so that several may do this at once and none sees half of it.
    """
    module = cast(Dataset, importlib.import_module(f"rmixer.data.{dataset}"))
    raw = () if data == SYNTHETIC else module.raw_files(Path(data))
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in raw]
    folder = home() / "data" / f"{dataset}-{content_hash([_sources(), stats])}"
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"{folder.parent}: {error.strerror}"
        raise InputError("RMIXER_HOME", "", found, "a folder that can be written") from None
    try:
        chunks = module.read(Path(data)) if raw else module.twin()
        write_arrays(unfinished, module.COLUMNS, chunks, data)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def open_dataset(dataset: str, data: str) -> Arrays:
    """``dataset`` as memory-mapped arrays, prepared if need be; see :func:`prepare`."""
    module = cast(Dataset, importlib.import_module(f"rmixer.data.{dataset}"))
    return read_arrays(prepare(dataset, data), module.COLUMNS)


@cache
def _sources() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
