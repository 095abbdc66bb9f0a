"""However a file is cut, the blocks have its lines, each once and in order."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.data import raw_blocks as module
from rmixer.data.raw_blocks import raw_blocks
from rmixer.data.raw_lines import raw_lines
from rmixer.errors import InputError

TEXTS = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bcd", b"\xef\xbb\xbf", b"\xff"]))


@given(TEXTS, st.integers(1, 9), st.booleans())
def test_blocks_have_the_lines_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int, packed: bool
) -> None:
    text = b"".join(parts)
    path = tmp_path_factory.mktemp("blocks") / "raw"
    path.write_bytes(gzip.compress(text) if packed else text)
    found = [line for block in raw_blocks(path, size) for line in block.lines()]
    # An independent reader of lines: the file object's own iteration.
    assert found == [line for _, line in raw_lines(path)]


def test_members_of_gzip_follow_each_other(tmp_path: Path) -> None:
    """A line may begin in one member and end in the next."""
    path = tmp_path / "raw.gz"
    path.write_bytes(gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree"))
    blocks = list(raw_blocks(path, 4))
    assert [line for block in blocks for line in block.lines()] == [b"one", b"two", b"three"]
    assert blocks[-1].position == path.stat().st_size


def test_a_truncated_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "raw.gz"
    text = b"".join(b"%d\n" % (number * number) for number in range(100_000))
    path.write_bytes(gzip.compress(text)[:-100])
    with pytest.raises(InputError, match="a whole gzip file") as caught:
        list(raw_blocks(path, 1 << 20))
    line = int(caught.value.key.removeprefix("after line "))
    assert 50_000 < line < 100_000


def test_a_small_truncated_file_names_a_line_nearby(tmp_path: Path) -> None:
    path = tmp_path / "raw.gz"
    path.write_bytes(gzip.compress(b"".join(b"%099d\n" % number for number in range(1000)))[:-4])
    with pytest.raises(InputError, match="a whole gzip file") as caught:
        list(raw_blocks(path, 1 << 20))
    assert 800 < int(caught.value.key.removeprefix("after line ")) <= 1000


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_without_lines_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE_BYTES", 100)
    path = tmp_path / "raw"
    text = b"x" * 1000
    path.write_bytes(gzip.compress(text) if packed else text)
    with pytest.raises(InputError, match="a line of more than"):
        sum(len(block.lines()) for block in raw_blocks(path, 50))
