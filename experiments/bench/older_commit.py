"""Writes the files of an older commit, to measure it together with the present one."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from rmixer.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def files_of(commit: str, place: Path) -> Path:
    """Writes the files of ``commit`` under ``place``, and returns it. Raises :class:`InputError`
    for a commit that this repository does not have."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", commit]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise InputError(
            "--against", "", done.stderr.decode().strip(), "a commit of this repository"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(place, filter="data")
    return place
