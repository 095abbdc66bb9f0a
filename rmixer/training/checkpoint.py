"""Checkpoint files: a stopped job resumes from them; each is complete or absent.

A checkpoint is written under a temporary name, forced to the disk, read once, and then renamed. The
one before it is kept as ``<name>.before``. Each ends with the number of bytes before that and their
CRC-32, so that a damaged or cut file is noticed. ``torch.load(path, weights_only=True)`` reads it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmixer.errors import RunFailed
from rmixer.files.direct_file import DirectFile, sync_folder

_MARK = b"RMixerCk"
_END = struct.Struct("<8sQI")
_READ_BYTES = 1 << 22


class StateNotKept(RunFailed):
    """A state has more than tensors and plain values, so it cannot be read again."""


@dataclass(frozen=True)
class Found:
    """The result of :func:`load_checkpoint`: the state after ``step`` steps, None if there is no
    whole checkpoint. ``remarks`` name damaged files."""

    step: int = 0
    state: dict[str, Any] | None = None
    remarks: tuple[str, ...] = ()


def save_checkpoint(path: Path, step: int, state: Mapping[str, Any]) -> None:
    """Writes ``state`` after ``step`` steps at ``path``; the former checkpoint there becomes the
    one before.

    Raises :class:`OSError` (a full disk: ``errno.ENOSPC``) or :class:`StateNotKept`, and then
    leaves the earlier checkpoints unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        with DirectFile(aside) as file:
            _write(file, {"step": step, "state": dict(state)})
            file.finish()
        _read(aside)
        if path.exists():
            path.replace(before(path))
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Found:
    """Reads the checkpoint at ``path``. If it is damaged or missing, the one before takes its
    place.

    The tensors are in a mapped file: copy them. Raises :class:`OSError` if a file is there and may
    not be read.
    """
    remarks: list[str] = []
    for each in (path, before(path)):
        if not each.exists():
            continue
        damage = _damage(each)
        if damage is None:
            found = _read(each)
            if each != path:
                each.replace(path)  # or the next checkpoint would put the damaged one in its place
            return Found(found["step"], found["state"], tuple(remarks))
        remarks.append(f"{each} is damaged ({damage})")
    return Found(remarks=tuple(remarks))


def remove_checkpoints(path: Path) -> None:
    """Removes the files of :func:`save_checkpoint` for ``path``, unfinished ones too."""
    for each in (_aside(path), before(path), path):
        each.unlink(missing_ok=True)


def before(path: Path) -> Path:
    """The path of the checkpoint before the one at ``path``."""
    return path.with_name(f"{path.name}.before")


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


class _Summed:
    """A file that computes a checksum of all that is written."""

    def __init__(self, file: DirectFile) -> None:
        self._file = file
        self.bytes = self.crc = 0

    def write(self, data: Any) -> int:
        self.crc = zlib.crc32(data, self.crc)
        size = self._file.write(data)
        self.bytes += size
        return size

    def flush(self) -> None:
        """Does nothing; torch's writer calls it at its end."""


def _write(file: DirectFile, content: dict[str, Any]) -> None:
    import torch

    summed = _Summed(file)
    with _without_torchs_sums():
        try:
            torch.save(content, summed)  # type: ignore[arg-type]
        except Exception as error:  # pickle's, and what classes of the user's raise
            raise _not_kept(error) from None
    file.write(_END.pack(_MARK, summed.bytes, summed.crc))


@contextlib.contextmanager
def _without_torchs_sums() -> Iterator[None]:
    """Turns torch's checksums off: they take three times as long as all the rest, and torch never
    reads them."""
    from torch.serialization import get_crc32_options, set_crc32_options

    earlier = get_crc32_options()
    set_crc32_options(False)
    try:
        yield
    finally:
        set_crc32_options(earlier)


def _read(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError:
        raise
    except Exception as error:  # pickle's are of many classes
        raise _not_kept(error) from None


def _not_kept(error: Exception) -> StateNotKept:
    said = (str(error).splitlines() or [""])[0]
    return StateNotKept(
        f"the state cannot be kept in a checkpoint ({type(error).__name__}: {said}); "
        "allowed: tensors, numbers, text, and lists, tuples and dicts of them"
    )


def _damage(path: Path) -> str | None:
    """The damage of a file in words; None if it is whole."""
    try:
        with path.open("rb") as file:
            whole = os.fstat(file.fileno()).st_size - _END.size
            if whole < 0:
                return "it is cut"
            crc, left = 0, whole
            while left:
                block = file.read(min(left, _READ_BYTES))
                crc, left = zlib.crc32(block, crc), left - len(block)
            mark, size, expected = _END.unpack(file.read(_END.size))
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return "the disk cannot read it"
    if mark != _MARK or size != whole:
        return "it is cut"
    return None if crc == expected else "its sum is another one"
