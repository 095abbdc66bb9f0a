"""The list of written blocks survives the loss of its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmixer.data.block_journal import WrittenBlock, add_to_journal, read_journal
from rmixer.data.kept_blocks import BlockFacts

BLOCKS = [
    WrittenBlock(0, 0, 0, 10, BlockFacts(12, 1, 1, ((4, "no number: 'é'"),))),
    WrittenBlock(0, 1, 10, 25, BlockFacts(15, 0, 0, ())),
    WrittenBlock(1, 0, 25, 26, BlockFacts(1, 0, 0, ())),
]


def test_blocks_come_back(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert read_journal(path) == []
    add_to_journal(path, BLOCKS[:1])
    add_to_journal(path, BLOCKS[1:])
    assert read_journal(path) == BLOCKS


@pytest.mark.parametrize("lost", [1, 5])
@pytest.mark.parametrize("filler", [b"", b"\0" * 5])
def test_a_torn_line_and_what_follows_are_forgotten(
    tmp_path: Path, lost: int, filler: bytes
) -> None:
    path = tmp_path / "journal"
    add_to_journal(path, BLOCKS[:2])
    path.write_bytes(path.read_bytes()[:-lost] + filler)
    assert read_journal(path) == BLOCKS[:1]
    add_to_journal(path, BLOCKS[1:])
    assert read_journal(path) == BLOCKS
