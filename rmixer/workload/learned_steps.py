"""How many steps programs make whose workload does not say it: learned by their first run."""

from __future__ import annotations

import contextlib

from rmixer.errors import InputError
from rmixer.files.home import home
from rmixer.files.typed_files import load_json, parse, write_json


def learned_steps(key: str) -> int | None:
    """The steps that the program of this cost identity key made when it was run to its end last;
    None if it never was."""
    path = home() / "steps" / f"{key}.json"
    with contextlib.suppress(InputError):  # damaged: it is learned again
        if path.exists():
            return parse(load_json(path, "number of steps"), int, path)
    return None


def learn_steps(key: str, steps: int) -> None:
    """Keep that it made ``steps``."""
    write_json(home() / "steps" / f"{key}.json", steps)
