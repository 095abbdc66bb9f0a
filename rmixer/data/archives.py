"""Recognises archives given as raw files by their content, whatever their names. The only file in
an archive is read there."""

from __future__ import annotations

import contextlib
import gzip
import shlex
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from rmixer.data.dataset import DataSet
from rmixer.errors import InputError

_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
}
_BZIP2 = b"1AY&SY"
"""The bytes after the first four of a bzip2 file."""
_TAR_MARK, _TAR_AT, _START_BYTES = b"ustar", 257, 4096
_MOST_FILES, _MOST_SHOWN, _MOST_MEMBERS = 100, 6, 200
_MOST_READ_BYTES = 1 << 27
"""Members of a compressed tar archive are looked for up to here, because all before must be
unpacked."""


@dataclass(frozen=True)
class Archive:
    """The archive at ``path``: its ``kind`` in words, and its ``members`` as far as they are known.
    ``command`` is a shell command that unpacks the members whose names follow it."""

    path: Path
    kind: str
    members: tuple[str, ...]
    command: str

    @property
    def is_read(self) -> bool:
        """True if it can be read without unpacking: it holds one file, as far as its members are
        known."""
        return bool(self.command) and len(self.members) == 1

    @property
    def unpacked_names(self) -> tuple[str, ...]:
        """The names of its files once they are unpacked, that of ``bzip2 -d`` where none is
        known."""
        return self.members or (() if self.command else (self.path.stem,))


def refuse_archive(path: Path, dataset: DataSet) -> None:
    """Raises :class:`InputError` if the file at ``path`` is an archive of several files rather than
    a raw file. The message names its members, and the command to unpack those that ``dataset``
    reads."""
    found = find_archive(path) if path.is_file() else None
    if found is not None and not found.is_read:
        wanted = _wanted(found.unpacked_names, dataset)
        allowed = "a file as it is, within gzip, or alone in a zip or tar archive"
        raise InputError(path, "", _described(found), f"{allowed}: {_to_do(found, wanted)}")


def hint_of_archives(folder: Path, dataset: DataSet) -> str:
    """A text about the archives in ``folder`` with files that ``dataset`` reads; empty if these,
    with what lies beside them, are not all that it needs."""
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    found = [each for path in files[:_MOST_FILES] if (each := find_archive(path)) is not None]
    names = [name for each in found for name in each.unpacked_names]
    wanted = _wanted([*(path.name for path in files), *names], dataset)
    return "; ".join(
        f"{each.path.name} there is {_described(each)}: {_to_do(each, wanted)}"
        for each in found
        if {*wanted, each.path.name} & {*each.unpacked_names}
    )


def find_archive(path: Path) -> Archive | None:
    """Recognises the archive at ``path`` by its first bytes; None if it is none, or cannot be read.
    One file within gzip is not an archive."""
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
        name = shlex.quote(path.name)
        if start.startswith(_ZIP):
            with zipfile.ZipFile(path) as found:
                names = tuple(each.filename for each in found.infolist() if not each.is_dir())
                kind = "a zip archive" if names else "a zip archive without files"
                return Archive(path, kind, names, f"unzip {name}" if names else "")
        if start and not start.strip(b"\0"):
            return Archive(path, "a file of zeros, as an empty tar archive is", (), "")
        for begin, kind in (*_OTHERS.items(), (start[:4] + _BZIP2, "bzip2")):
            if start.startswith(begin):
                return Archive(path, f"a file compressed by {kind}", _tar_members(path), "")
        if start[_TAR_AT:].startswith(_TAR_MARK):
            return Archive(path, "a tar archive", _tar_members(path), f"tar -xf {name}")
        if start.startswith(_GZIP) and _is_tar_within(start):
            kind = "a tar archive within gzip"
            return Archive(path, kind, _tar_members(path), f"tar -xzf {name}")
    except (OSError, zipfile.BadZipFile):
        pass
    return None


def is_packed(path: Path) -> bool:
    """True if the file at ``path`` is compressed by gzip, or a zip or tar archive."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        start = file.read(_START_BYTES)
        return start.startswith((_GZIP, *_ZIP)) or start[_TAR_AT:].startswith(_TAR_MARK)
    return False


@contextlib.contextmanager
def unpacked(path: Path, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The content of ``file``, opened at ``path``, from its start, as a file to read once; also a
    gzip file alone in an archive. Raises :class:`InputError` if an archive is damaged or encrypted,
    or has several files after all."""
    start = file.read(_START_BYTES)
    file.seek(0)
    try:
        with contextlib.ExitStack() as stack:
            if start.startswith(_ZIP):
                archive = stack.enter_context(zipfile.ZipFile(file))
                names = [each for each in archive.infolist() if not each.is_dir()]
                packed: IO[bytes] = stack.enter_context(archive.open(names[0]))
                alone = len(names) == 1
                yield _without_gzip(packed)
            elif start[_TAR_AT:].startswith(_TAR_MARK) or _is_tar_within(start):
                tape = stack.enter_context(tarfile.open(fileobj=file, mode="r|*"))
                files = (each for each in iter(tape.next, None) if each.isfile())
                within = tape.extractfile(next(files))
                assert within is not None
                yield _without_gzip(within)
                alone = next(files, None) is None
            else:
                yield stack.enter_context(_gunzipped(file))
                alone = True
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError) as error:
        raise InputError(path, "", str(error), "a whole archive without a password") from None
    if not alone:
        raise InputError(path, "", "an archive of several files", "one of one file: unpack it")


def _without_gzip(packed: IO[bytes]) -> IO[bytes]:
    begins: bytes = packed.peek(2)  # type: ignore[attr-defined]
    return _gunzipped(packed) if begins.startswith(_GZIP) else packed


def _gunzipped(packed: IO[bytes]) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=packed))


def _is_tar_within(start: bytes) -> bool:
    """True if gzip data that begins with ``start``, enough for a header, is a tar archive."""
    with contextlib.suppress(zlib.error):
        text = zlib.decompressobj(wbits=31).decompress(start, _TAR_AT + len(_TAR_MARK))
        return text[_TAR_AT:] == _TAR_MARK
    return False


def _tar_members(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    with contextlib.suppress(tarfile.TarError, EOFError, zlib.error), tarfile.open(path) as found:
        while len(names) < _MOST_MEMBERS and (member := found.next()) is not None:
            names += [member.name] if member.isfile() else []
            if member.offset_data + member.size > _MOST_READ_BYTES:
                break
    return tuple(names)


def _wanted(names: Sequence[str], dataset: DataSet) -> tuple[str, ...]:
    """Picks the files of ``names`` that ``dataset`` would read if all were in one folder."""
    by_name = {Path(name).name: name for name in names}
    with tempfile.TemporaryDirectory(prefix="rmixer-") as folder:
        try:
            for name in by_name:
                (Path(folder) / name).touch()
            return tuple(by_name[path.name] for path in dataset.raw_files(Path(folder)))
        except (InputError, OSError, ValueError):  # or a name that no file can have
            return ()


def _described(found: Archive) -> str:
    if not found.members:
        return found.kind
    more = ", …" if len(found.members) > _MOST_SHOWN else ""
    return f"{found.kind} ({', '.join(found.members[:_MOST_SHOWN])}{more})"


def _to_do(found: Archive, wanted: Sequence[str]) -> str:
    if not found.command:
        return "unpack it"
    names = [each for each in found.members if each in wanted or len(found.members) == 1]
    command = " ".join((found.command, *map(shlex.quote, names)))
    return f"unpack {', '.join(names) or 'it'} (`{command}`)"
