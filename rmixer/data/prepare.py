"""From a data set's name to arrays on disk, made once and kept. Needs no torch."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from functools import cache
from pathlib import Path

from rmixer.data.arrays import Arrays, read_arrays, write_arrays
from rmixer.data.raw_reader import SequentialReader
from rmixer.data.registry import dataset_entry
from rmixer.errors import InputError
from rmixer.files import content_hash
from rmixer.home import home
from rmixer.workload import SYNTHETIC


def prepare(name: str, data: str) -> Path:
    """The folder that holds the data set ``name`` as arrays, made first if it is not there.

    ``data`` is ``synthetic`` or a path to raw files. The folder's name has a hash of the sources
    that make it, and of the raw files' names, sizes and times. It is written under another name
    and renamed, so that several may do this at once and none sees half of it.
    """
    dataset = dataset_entry(name).load()
    raw = () if data == SYNTHETIC else dataset.raw_files(Path(data))
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in raw]
    folder = home() / "data" / f"{name}-{content_hash([_sources(), stats])}"
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"{folder.parent}: {error.strerror}"
        raise InputError("RMIXER_HOME", "", found, "a folder that can be written") from None
    try:
        reader = SequentialReader(Path(data), raw, unfinished)
        chunks = dataset.read(reader) if raw else dataset.twin()
        write_arrays(unfinished, dataset.columns, chunks, data)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def open_dataset(name: str, data: str) -> Arrays:
    """The data set as memory-mapped arrays, prepared if need be; see :func:`prepare`."""
    return read_arrays(prepare(name, data), dataset_entry(name).load().columns)


@cache
def _sources() -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
