"""Parsed blocks on disk: a worker hands them over, and an interrupted preparation keeps them."""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.dataset import Lines, Parsed, ParsedColumns
from rmixer.data.raw_blocks import RawBlock

SHOWN_LINES = 10
"""Malformed lines that are reported with their numbers."""

_CHECKSUM_BYTES = 4


@dataclass(frozen=True)
class BlockFacts:
    """``lines`` of the file, ``skipped`` of them (a header); ``malformed`` lines, and the first of
    those with their place in the block, from 0, and their error; ``missing`` has, for each field
    that some good lines lack, their number."""

    lines: int
    skipped: int
    malformed: int
    first_malformed: tuple[tuple[int, str], ...]
    missing: tuple[tuple[str, int], ...] = ()

    @property
    def good(self) -> int:
        """Lines that were parsed."""
        return self.lines - self.skipped - self.malformed


@dataclass(frozen=True)
class KeptBlock:
    """The result of a block; it has no columns if the block has no good line."""

    facts: BlockFacts
    columns: ParsedColumns


@dataclass(frozen=True)
class BlockTask:
    """The task to parse ``block`` and save the result as the file ``kept``."""

    block: RawBlock
    parse: Callable[[Lines], Parsed]
    header: bool
    kept: Path

    def carry_out(self) -> None:
        """Carries out the task; the file appears whole or not at all."""
        lines = self.block.lines()
        skipped = int(self.header and self.block.index == 0 and bool(lines))
        parsed = self.parse(lines[skipped:]) if len(lines) > skipped else Parsed({})
        first = tuple((place + skipped, what) for place, what in parsed.malformed[:SHOWN_LINES])
        missing = tuple((name, int(count)) for name, count in parsed.missing.items() if count)
        facts = BlockFacts(len(lines), skipped, len(parsed.malformed), first, missing)
        columns = dict(parsed.columns) if facts.good else {}
        content = pickle.dumps(KeptBlock(facts, columns), protocol=5)
        unfinished = self.kept.with_name(f"{self.kept.name}.{os.getpid()}.tmp")
        with unfinished.open("wb") as file:
            file.write(zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big"))
            file.write(content)
        unfinished.replace(self.kept)


def load_block(path: Path, *, check: bool) -> KeptBlock | None:
    """The block saved as ``path``; None if there is none or, with ``check``, if a power failure
    came before all of it was on the disk."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        return None
    checksum, content = stored[:_CHECKSUM_BYTES], memoryview(stored)[_CHECKSUM_BYTES:]
    if check and (not content or zlib.crc32(content) != int.from_bytes(checksum, "big")):
        return None
    block: KeptBlock = pickle.loads(content)
    return block
