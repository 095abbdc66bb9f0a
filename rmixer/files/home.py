"""The folder of this user's own profiles and prepared data."""

from __future__ import annotations

import os
from pathlib import Path

from rmixer.errors import InputError
from rmixer.files.writable import check_writable


def home() -> Path:
    """``$RMIXER_HOME``, by default ``~/.cache/rmixer``; it need not exist yet."""
    return Path(os.environ.get("RMIXER_HOME") or "~/.cache/rmixer").expanduser()


def check_home() -> None:
    """Raises :class:`InputError` unless long measurements can be kept there."""
    check_writable("$RMIXER_HOME", home())
    for name in ("profiles", "logs"):
        if not (path := home() / name).exists():
            continue
        if not path.is_dir():
            raise InputError("$RMIXER_HOME", "", f"the file {path}", "a folder of that name")
        check_writable("$RMIXER_HOME", path)
