"""Writes the output of a task to a file of limited size."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOG_BYTES, HEAD_BYTES = 8 << 20, 1 << 20
"""A log that exceeds the first is cut to half of it: the second from its beginning, and the rest
from its end."""
LOOK_EVERY_S = 1.0
_STREAMS = (1, 2)


class _Dropping(io.FileIO):
    """A file that drops output that it cannot write, and remembers the first reason until it is
    asked for. A full disk should not end a training."""

    lost: str | None = None
    heeded = False
    """True if the reason will be asked for."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if _Dropping.heeded and _Dropping.lost is None:
                _Dropping.lost = error.strerror or str(error)
            return memoryview(data).nbytes


def drop_what_cannot_be_written() -> None:
    """From now on Python's output that cannot be written is dropped. Call it before any code keeps
    a reference to one of the streams."""
    for number, name in zip(_STREAMS, ("stdout", "stderr"), strict=True):
        stream = _dropping(number, getattr(sys, name))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def take_lost() -> str | None:
    """The reason why output of a task was dropped since the last call; None if none was."""
    lost, _Dropping.lost = _Dropping.lost, None
    return lost


def _dropping(number: int, stream: io.TextIOWrapper) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Dropping(number, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )


@contextlib.contextmanager
def printing_to(path: str | None) -> Iterator[None]:
    """Appends the output of this process, and of processes that it forks meanwhile, to ``path``
    during the block. It is written as it is printed, by Python or by C, so that a process that dies
    loses none. With None, or a path that cannot be written, nothing changes. On a full disk
    :func:`take_lost` gives the reason."""
    file = None
    with contextlib.suppress(OSError):
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    if file is None or path is None:
        yield
        return
    kept = [os.dup(stream) for stream in _STREAMS]
    over = threading.Event()
    watch = threading.Thread(target=_keep_short, args=(path, over), daemon=True)
    try:
        _flush()
        with contextlib.suppress(OSError):
            if os.fstat(file).st_size:
                os.write(file, b"--- started again ---\n")
        for stream in _STREAMS:
            os.dup2(file, stream)
        _by_lines(True)
        _Dropping.lost, _Dropping.heeded = None, True
        watch.start()
        yield
    finally:
        _flush()
        _Dropping.heeded = False
        _by_lines(False)
        for stream, before in zip(_STREAMS, kept, strict=True):
            os.dup2(before, stream)
            os.close(before)
        os.close(file)
        over.set()
        cut(path)


def cut(path: str, most_bytes: int = LOG_BYTES, head_bytes: int = HEAD_BYTES) -> None:
    """Cuts the file at ``path`` in place if it is larger than ``most_bytes``, at ends of lines if
    there are any. Output printed at that moment is lost."""
    with contextlib.suppress(OSError), open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= most_bytes:
            return
        file.seek(0)
        head = file.read(head_bytes)
        head = head[: head.rfind(b"\n") + 1] or head
        file.seek(size - (most_bytes // 2 - head_bytes))
        tail = file.read()
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left_out = size - len(head) - len(tail)
        file.seek(len(head))
        file.write(b"--- %d bytes left out ---\n" % left_out + tail)
        file.truncate()


def _keep_short(path: str, over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY_S):
        cut(path)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a user's module may have put its own there
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _by_lines(lines: bool) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.reconfigure(line_buffering=lines)  # type: ignore[union-attr]
