"""The steps of programs whose workload does not give them, learned from their first run."""

from __future__ import annotations

import contextlib

from rmixer.errors import InputError
from rmixer.files.home import home
from rmixer.files.typed_files import load_json, parse, write_json


def learned_steps(key: str) -> int | None:
    """The steps of the program of this cost identity key in its last whole run; None if there was
    none."""
    path = home() / "steps" / f"{key}.json"
    with contextlib.suppress(InputError):  # damaged: it is learned again
        if path.exists():
            return parse(load_json(path, "number of steps"), int, path)
    return None


def learn_steps(key: str, steps: int) -> None:
    """Stores that it did ``steps``."""
    write_json(home() / "steps" / f"{key}.json", steps)
