"""Distributes pieces of work over several processes and returns the results in order."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TypeVar

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def in_order(
    work: Callable[[Piece], Answer], pieces: Sequence[Piece], processes: int
) -> Generator[Answer, None, None]:
    """Yields ``work(piece)`` of every piece, in their order, for any number of ``processes``.

    The processes are forks of this one: ``work`` may be any function, loaded data are shared, and
    nothing is imported again. Results must be picklable. If a fork raises an error or dies, its
    piece is done here when its turn comes, so errors come as without forks. When the iterator is
    closed, all forks have ended.

    A fork has only its own thread, and locks stay as others held them at that moment. So ``work``
    must neither draw a progress bar nor use a database or a thread pool opened before.
    """
    count = min(processes, len(pieces))
    if count <= 1:
        yield from map(work, pieces)
        return
    forks: dict[Connection, ForkProcess] = {}
    try:
        for _ in range(count):
            ours, theirs = multiprocessing.Pipe()
            arguments = (work, pieces, theirs, [ours, *forks])
            fork = multiprocessing.get_context("fork").Process(target=_serve, args=arguments)
            forks[ours] = fork
            with _later(signal.SIGINT):  # or it would end a fork that does not ignore it yet
                fork.start()
            theirs.close()
        yield from _told(work, pieces, list(forks))
    finally:
        for connection, fork in forks.items():
            connection.close()
            if fork.pid is not None:
                fork.kill()
                fork.join()


@contextlib.contextmanager
def _later(number: signal.Signals) -> Iterator[None]:
    """Delays a signal that comes during the block; in a fork, until that asks for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told(
    work: Callable[[Piece], Answer], pieces: Sequence[Piece], idle: list[Connection]
) -> Iterator[Answer]:
    """Keeps every fork busy, and yields each result when its turn comes."""
    busy: dict[Connection, int] = {}
    answers: dict[int, Answer] = {}
    given = 0
    for turn, piece in enumerate(pieces):
        while turn not in answers:
            while idle and given < len(pieces):
                busy[connection := idle.pop()] = given
                given += 1
                with contextlib.suppress(OSError):  # it has died, which is seen below
                    connection.send(busy[connection])
            if turn not in busy.values():
                answers[turn] = work(piece)
                given = max(given, turn + 1)
                break
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                at = busy.pop(ready)
                with contextlib.suppress(EOFError, OSError):
                    known, answer = ready.recv()
                    idle.append(ready)
                    if known:
                        answers[at] = answer
        yield answers.pop(turn)


def _serve(
    work: Callable[[Piece], Answer],
    pieces: Sequence[Piece],
    connection: Connection,
    others: Sequence[Connection],
) -> None:
    """Does the pieces that are asked for, until no more are."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all: we are ended
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for other in others:  # or their forks would not see that nobody asks any more
        other.close()
    gc.freeze()  # what was made before is not looked through, and so stays shared
    with contextlib.suppress(EOFError, OSError):
        while True:
            at = connection.recv()
            try:
                connection.send((True, work(pieces[at])))
            except Exception:  # it comes again where it can be told
                connection.send((False, None))
