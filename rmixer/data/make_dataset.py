"""Makes a data set in a folder: its twin, or what its raw files hold."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rmixer.data.array_writer import JOURNAL, ArrayWriter, each_chunk
from rmixer.data.arrays import Chunk
from rmixer.data.block_pool import BlockPool
from rmixer.data.dataset import DataSet
from rmixer.data.kept_blocks import SHOWN_LINES
from rmixer.data.malformed import Limits
from rmixer.data.preparation import PREPARATION, Preparation, Source
from rmixer.data.raw_lines import reading
from rmixer.data.raw_reader import Bar, ParallelReader, no_bar
from rmixer.data.registry import SYNTHETIC
from rmixer.data.unfinished import empty, remove_others
from rmixer.errors import InputError
from rmixer.files.typed_files import plain, write_json

BLOCK_BYTES = 8 << 20
_MAKING = "making.json"


@dataclass(frozen=True)
class Making:
    """How a data set is made where it is not there. ``limits``, where given, also hold for one
    that is; ``workers`` parse the raw files, by default one for each usable core; ``report``
    takes what a person should know."""

    limits: Limits | None = None
    workers: int | None = None
    bar: Bar = no_bar
    report: Callable[[str], None] = lambda text: None
    block_bytes: int = BLOCK_BYTES


def make_twin(name: str, dataset: DataSet, unfinished: Path, fingerprint: str) -> None:
    """Write the twin of ``dataset`` into the folder ``unfinished``; on any failure it is
    removed."""
    began = time.monotonic()
    empty(unfinished)
    try:
        with ArrayWriter(unfinished, dataset.columns, SYNTHETIC) as writer:
            train_rows = each_chunk(dataset.twin(), writer.append)
            writer.finish(train_rows)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    report = Preparation(
        name=name,
        data=SYNTHETIC,
        rows=writer.rows,
        train_rows=train_rows,
        bytes_read=0,
        lines=0,
        malformed=0,
        first_malformed=(),
        counts=(),
        sources=(),
        seconds=time.monotonic() - began,
        resumed=False,
        finished=_now(),
        fingerprint=fingerprint,
    )
    write_json(unfinished / PREPARATION, report)


def make_from_files(
    name: str,
    dataset: DataSet,
    data: str,
    files: Mapping[Path, Source],
    unfinished: Path,
    how: Making,
    fingerprint: str,
) -> None:
    """Write the samples of the raw ``files`` under ``data`` into the folder ``unfinished``, going
    on with what an interrupted call left there."""
    began = time.monotonic()
    sources = tuple(files.values())
    _begin(unfinished, name, sources, how.block_bytes)
    bytes_read = sum(source.size_bytes for source in sources)
    usable = how.workers or len(os.sched_getaffinity(0))
    workers = usable if bytes_read >= 2 * how.block_bytes else 0
    try:
        writer, reader, train_rows = _read_all(
            dataset, data, tuple(files), unfinished, how, workers
        )
    except InputError:
        if not workers:  # nothing that is worth keeping
            shutil.rmtree(unfinished)
        raise
    for path, source in files.items():
        with reading(path, lambda: 0):
            changed = Source.of(path) != source
        if changed:
            raise InputError(path, "", "a file that changed while it was read", "one that rests")
    lines = reader.most_malformed()
    report = Preparation(
        name=name,
        data=str(Path(data).resolve()),
        rows=writer.rows,
        train_rows=train_rows,
        bytes_read=bytes_read,
        lines=sum(count.lines for count in lines),
        malformed=sum(count.malformed for count in lines),
        first_malformed=tuple(line for count in lines for line in count.first)[:SHOWN_LINES],
        counts=tuple(reader.counts),
        sources=sources,
        seconds=time.monotonic() - began,
        resumed=reader.resumes,
        finished=_now(),
        fingerprint=fingerprint,
    )
    write_json(unfinished / PREPARATION, report)
    for folder in [path for path in unfinished.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    for left in (_MAKING, JOURNAL):
        (unfinished / left).unlink(missing_ok=True)


def _read_all(
    dataset: DataSet,
    data: str,
    files: tuple[Path, ...],
    unfinished: Path,
    how: Making,
    workers: int,
) -> tuple[ArrayWriter, ParallelReader, int]:
    with (
        ArrayWriter(unfinished, dataset.columns, data) as writer,
        BlockPool(workers) as pool,
    ):
        limits = how.limits or Limits()
        reader = ParallelReader(
            Path(data), files, unfinished, writer, pool, limits, how.bar, how.block_bytes
        )

        def take(chunk: Chunk) -> None:
            block = reader.last
            if block is None or block.columns is not chunk or not writer.takes(chunk):
                writer.append(chunk)
            elif not block.is_written:
                writer.append_block(chunk, block.place, block.facts, block.kept.unlink)

        train_rows = each_chunk(dataset.read(reader), take)
        writer.finish(train_rows)
    return writer, reader, train_rows


def _begin(unfinished: Path, name: str, sources: tuple[Source, ...], block_bytes: int) -> None:
    """Keep what an interrupted call left, if its blocks are the same as ours will be."""
    ours = plain({"name": name, "paths": [source.path for source in sources]})
    path = unfinished / _MAKING
    mine = {**ours, "block_bytes": block_bytes}
    if _read(path) != mine:
        empty(unfinished)
        write_json(path, mine)

    def same(other: Path) -> bool:
        theirs = _read(other / _MAKING)
        return all(theirs.get(key) == value for key, value in ours.items())

    remove_others(unfinished, same)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
