"""Checks that results can be written before they are computed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rmixer.errors import InputError


def check_writable(where: str, folder: Path) -> None:
    """Creates ``folder`` if needed; raises :class:`InputError` unless files can be created in it.
    ``where`` (an option, a variable) names it in the message."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(where, "", f"{folder}: {error.strerror}", "a folder to write to") from None


def check_out(path: Path, folder: Path) -> None:
    """Raises :class:`InputError` unless files can be created in ``folder``, or in the nearest one
    above it that exists. ``path`` is what ``--out`` says. Nothing is left behind."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        found = f"{nearest}, which cannot be written ({error.strerror})"
        raise InputError(path, "--out", found, "a folder to write to") from None
