"""The process that parses blocks of raw files: ``python -m rmixer.data.block_worker FD``."""

from __future__ import annotations

import contextlib
import sys
import traceback
from multiprocessing.connection import Connection

from rmixer.data.kept_blocks import BlockTask
from rmixer.errors import InputError


def serve(connection: Connection) -> None:
    """Carries out each task that arrives and answers None, or the error: a user's error as it is,
    any other as its traceback. Ends when the parent is gone."""
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: BlockTask = connection.recv()
            answer: object = None
            try:
                task.carry_out()
            except (InputError, OSError) as error:
                answer = error
            except Exception:
                answer = traceback.format_exc()
            connection.send(answer)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
