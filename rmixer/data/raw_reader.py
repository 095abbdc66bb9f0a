"""Reads raw files for a data set: parsed in parallel, in order, and never twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rmixer.data.archives import is_packed
from rmixer.data.array_writer import ArrayWriter
from rmixer.data.block_pool import BlockPool
from rmixer.data.dataset import Lines, Parsed, ParsedColumns
from rmixer.data.kept_blocks import BlockFacts, BlockTask, load_block
from rmixer.data.making import Making, Recipe
from rmixer.data.malformed import Limits, LineCount
from rmixer.data.preparation import Count
from rmixer.data.raw_blocks import raw_blocks
from rmixer.data.raw_lines import raw_lines
from rmixer.errors import InputError

_MIB = 1 << 20


@dataclass(frozen=True)
class ReadBlock:
    """The block a data set was given last. ``is_written``: its columns are in the arrays."""

    columns: ParsedColumns
    place: tuple[int, int]
    facts: BlockFacts
    kept: Path
    is_written: bool


class ParallelReader:
    """A :class:`rmixer.data.dataset.RawReader` of the raw files of ``recipe`` that stores parsed
    blocks in ``folder``.

    Blocks that ``writer`` has from an interrupted preparation come from its arrays, and stored
    blocks are not parsed again.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, writer: ArrayWriter, pool: BlockPool, how: Making
    ) -> None:
        self.data, self.files = Path(recipe.data), tuple(recipe.files)
        self.counts: list[Count] = []
        self.last: ReadBlock | None = None
        self.line_counts: list[LineCount] = []
        self._folder, self._writer, self._pool = folder, writer, pool
        self._limits, self._bar, self._report = how.limits or Limits(), how.bar, how.report
        self._often_missing = set(recipe.dataset.often_missing)
        self._block_bytes = how.block_bytes
        self._blocks = folder / "blocks"
        self._blocks.mkdir(exist_ok=True)
        self.resumes = bool(writer.written) or any(self._blocks.iterdir())
        for left in self._blocks.glob("*.tmp"):
            left.unlink()

    def header(self, path: Path) -> bytes:
        """See :class:`rmixer.data.dataset.RawReader`; an empty file is an error."""
        lines: Iterable[bytes] = (line for _, line in raw_lines(path))
        if is_packed(path):
            blocks = raw_blocks(path, self._block_bytes)
            lines = chain.from_iterable(block.lines() for block in blocks)
        for line in lines:
            return line
        raise InputError(path, "", "an empty file", "a header and lines")

    def blocks(
        self, path: Path, parse: Callable[[Lines], Parsed], header: bool = False
    ) -> Iterator[ParsedColumns]:
        """See :class:`rmixer.data.dataset.RawReader`."""
        count = LineCount(path, self._limits, self._often_missing)
        call = len(self.line_counts)
        self.line_counts.append(count)
        tasks = self._tasks(call, path, parse, header)
        size = path.stat().st_size
        with self._bar(f"{path.name} (MiB)") as move, closing(self._pool.in_order(tasks)) as done:
            for task in done:
                block = self._outcome(call, task)
                count.add(block.facts)
                move(task.block.position // _MIB, max(1, size // _MIB))
                if block.facts.good:
                    self.last = block
                    yield block.columns
        count.end()
        self._tell_missing(count)

    def scratch(self, name: str) -> Path:
        """See :class:`rmixer.data.dataset.RawReader`."""
        folder = self._folder / f"scratch-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def count(self, name: str, found: int, known: int | None = None, about: bool = False) -> None:
        """See :class:`rmixer.data.dataset.RawReader`."""
        self.counts.append(Count(name, int(found), known, about))

    def most_malformed(self) -> list[LineCount]:
        """For each file its reading with the most malformed lines."""
        most: dict[Path, LineCount] = {}
        for count in self.line_counts:
            before = most.setdefault(count.path, count)
            if (count.malformed, count.lines) > (before.malformed, before.lines):
                most[count.path] = count
        return list(most.values())

    def _tell_missing(self, count: LineCount) -> None:
        """Reports once the fields that most lines lack, unless most lines of the public files lack
        them too."""
        for name, share in count.mostly_missing():
            words = f"{count.path.name}: lines without {name}"
            if name not in self._often_missing and all(words != told.name for told in self.counts):
                self.count(words, count.missing[name])
                self._report(f"warning: {words}: {share:.1%} of them")

    def _tasks(
        self, call: int, path: Path, parse: Callable[[Lines], Parsed], header: bool
    ) -> Iterator[tuple[BlockTask, bool]]:
        """Yields every block of ``path``, and True if it must still be parsed."""
        for block in raw_blocks(path, self._block_bytes):
            kept = self._blocks / f"{call}-{block.index}"
            known = (call, block.index) in self._writer.written
            needed = not known and load_block(kept, check=True) is None
            yield BlockTask(block, parse, header, kept), needed

    def _outcome(self, call: int, task: BlockTask) -> ReadBlock:
        place = (call, task.block.index)
        written = self._writer.written.get(place)
        if written is not None:
            columns = self._writer.left(written)
            return ReadBlock(columns, place, written.facts, task.kept, True)
        loaded = load_block(task.kept, check=False)
        if loaded is None:
            raise InputError(task.kept, "", "removed meanwhile", "a folder nobody else touches")
        return ReadBlock(loaded.columns, place, loaded.facts, task.kept, False)
