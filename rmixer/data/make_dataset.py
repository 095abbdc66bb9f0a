"""Makes a data set in a folder: its twin, or from its raw files."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rmixer.data.array_writer import JOURNAL, ArrayWriter, each_chunk
from rmixer.data.arrays import Chunk
from rmixer.data.block_pool import BlockPool
from rmixer.data.kept_blocks import SHOWN_LINES
from rmixer.data.making import Making, Recipe
from rmixer.data.preparation import PREPARATION, Preparation, Source
from rmixer.data.raw_lines import reading
from rmixer.data.raw_reader import ParallelReader
from rmixer.data.registry import SYNTHETIC
from rmixer.data.unfinished import empty, remove_others
from rmixer.errors import InputError
from rmixer.files.typed_files import plain, write_json

_MAKING = "making.json"


def make_twin(recipe: Recipe, unfinished: Path) -> None:
    """Writes the twin of the data set of ``recipe`` into the folder ``unfinished``, which is
    removed on any failure."""
    began, dataset = time.monotonic(), recipe.dataset
    empty(unfinished)
    try:
        with ArrayWriter(unfinished, dataset.columns, SYNTHETIC) as writer:
            train_rows = each_chunk(dataset.twin(), writer.append)
            writer.finish(train_rows)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    report = Preparation(
        name=recipe.name,
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
        fingerprint=recipe.fingerprint,
    )
    write_json(unfinished / PREPARATION, report)


def make_from_files(recipe: Recipe, unfinished: Path, how: Making) -> None:
    """Writes the samples of the raw files of ``recipe`` into the folder ``unfinished``, and
    continues the work of an interrupted call there."""
    began = time.monotonic()
    sources = tuple(recipe.files.values())
    _begin(unfinished, recipe.name, sources, how.block_bytes)
    bytes_read = sum(source.size_bytes for source in sources)
    usable = how.workers or len(os.sched_getaffinity(0))
    workers = usable if bytes_read >= 2 * how.block_bytes else 0
    try:
        writer, reader, train_rows = _read_all(recipe, unfinished, how, workers)
    except InputError:
        if not workers:  # nothing that is worth keeping
            shutil.rmtree(unfinished)
        raise
    for path, source in recipe.files.items():
        with reading(path, lambda: 0):
            changed = Source.of(path) != source
        if changed:
            raise InputError(path, "", "a file that changed while it was read", "one that rests")
    lines = reader.most_malformed()
    report = Preparation(
        name=recipe.name,
        data=str(Path(recipe.data).resolve()),
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
        fingerprint=recipe.fingerprint,
    )
    write_json(unfinished / PREPARATION, report)
    for folder in [path for path in unfinished.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    for left in (_MAKING, JOURNAL):
        (unfinished / left).unlink(missing_ok=True)


def _read_all(
    recipe: Recipe, unfinished: Path, how: Making, workers: int
) -> tuple[ArrayWriter, ParallelReader, int]:
    dataset = recipe.dataset
    with (
        ArrayWriter(unfinished, dataset.columns, recipe.data) as writer,
        BlockPool(workers) as pool,
    ):
        reader = ParallelReader(recipe, unfinished, writer, pool, how)

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
    """Keeps the files of an interrupted call if its blocks are the same as ours will be."""
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
