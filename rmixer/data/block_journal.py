"""The journal of blocks in the columns: a line for each, added once the columns are on disk."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from rmixer.data.kept_blocks import BlockFacts


@dataclass(frozen=True)
class WrittenBlock:
    """Block ``index`` of the ``call``-th reading of a file: it has become the samples from
    ``start`` to before ``stop``."""

    call: int
    index: int
    start: int
    stop: int
    facts: BlockFacts


def read_journal(path: Path) -> list[WrittenBlock]:
    """Reads the blocks in ``path``, up to the first line that a power failure cut, and cuts off the
    rest of the file."""
    blocks: list[WrittenBlock] = []
    if not path.is_file():
        return blocks
    whole = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            call, index, start, stop, lines, skipped, malformed, first, *more = json.loads(line)
        except ValueError:
            break
        shown = tuple((place, what) for place, what in first)
        missing = tuple((name, count) for name, count in (more[0] if more else ()))
        facts = BlockFacts(lines, skipped, malformed, shown, missing)
        blocks.append(WrittenBlock(call, index, start, stop, facts))
        whole += len(line) + 1
    os.truncate(path, whole)
    return blocks


def add_to_journal(path: Path, blocks: list[WrittenBlock]) -> None:
    """Adds ``blocks`` and waits until they are on the disk."""
    with path.open("ab") as file:
        for block in blocks:
            facts = block.facts
            place = (block.call, block.index, block.start, block.stop)
            counts = (facts.lines, facts.skipped, facts.malformed, facts.first_malformed)
            file.write(json.dumps((*place, *counts, facts.missing)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
