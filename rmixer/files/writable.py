"""Whether results can be kept, told before they are made."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rmixer.errors import InputError


def check_writable(where: str, folder: Path) -> None:
    """Raise :class:`InputError` unless files can be made in ``folder``, which ``where`` (an option,
    a variable) names; it is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(where, "", f"{folder}: {error.strerror}", "a folder to write to") from None
