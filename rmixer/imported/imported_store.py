"""The store of imported profiles: a folder each under ``$RMIXER_HOME/imported``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rmixer.errors import InputError, choice
from rmixer.files.home import home
from rmixer.files.typed_files import Name, parse
from rmixer.imported.imported_profile import ImportedProfile, read_imported, write_imported
from rmixer.models.registry import MODELS

_WHERE = "imported profile"


def save_imported(profile: ImportedProfile) -> Path:
    """Saves ``profile`` in place of an earlier one of its name. Raises :class:`InputError` for a
    name that is no valid folder name or belongs to a model, and if the profile could not be read
    again."""
    name = parse(profile.name, Name, "--name")  # type: ignore[arg-type]
    if name in MODELS:
        raise InputError("--name", "", repr(name), "a name that no model of the registry has")
    with tempfile.TemporaryDirectory(prefix="rmixer-") as trial:
        write_imported(Path(trial) / name, profile)
        try:
            read_imported(Path(trial) / name)
        except InputError as error:
            where, row = profile.trace, Path(error.where).name
            raise InputError(where, f"{row}, {error.key}", error.found, error.allowed) from None
    folder = _root() / name
    write_imported(folder, profile)
    return folder


def is_imported(name: str) -> bool:
    """True if there is an imported profile of that name."""
    return name in imported_names()


def find_imported(name: str) -> ImportedProfile:
    """The imported profile ``name``; raises :class:`InputError` if there is none."""
    known = imported_names()
    if name not in known:
        allowed = choice(name, known) if known else "none yet: `rmixer profile import FILE`"
        raise InputError(_WHERE, "", repr(name), allowed)
    return read_imported(_root() / name)


def imported_names() -> list[str]:
    """The names of all imported profiles."""
    return sorted(path.parent.name for path in _root().glob("*/summary.json"))


def _root() -> Path:
    return home() / "imported"
