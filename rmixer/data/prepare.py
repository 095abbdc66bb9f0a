"""Prepares a data set as arrays on disk, once. Needs no torch."""

from __future__ import annotations

import contextlib
import errno
import os
from functools import cache
from pathlib import Path

from rmixer.data.archives import hint_of_archives, refuse_archive
from rmixer.data.arrays import Arrays, read_arrays
from rmixer.data.dataset import DataSet
from rmixer.data.make_dataset import make_from_files, make_twin
from rmixer.data.making import Making, Recipe
from rmixer.data.malformed import Limits, check_malformed
from rmixer.data.preparation import Source, read_preparation
from rmixer.data.registry import SYNTHETIC, dataset_entry
from rmixer.data.unfinished import finish, making
from rmixer.errors import InputError, RunFailed
from rmixer.files.home import home
from rmixer.files.typed_files import content_hash
from rmixer.user_code.former_sources import formerly
from rmixer.user_code.source_digest import SourceDigests
from rmixer.user_code.sources import ROOT, imported_sources, our_files

_FORMAT = 1
"""The version of the files in a prepared folder."""

_ENGINE = ("rmixer.data.arrays", "rmixer.data.dataset", "rmixer.data.registry")
"""Modules that data sets import but that do not decide their content."""


def prepare(name: str, data: str, how: Making | None = None) -> Path:
    """The folder with the data set ``name`` as arrays, which is made first if it does not exist.

    ``data`` is ``synthetic`` or a path to raw files. The folder's name has a hash of the sources
    that make it, and of the raw files' names, sizes and times. It is written under another name and
    renamed, so that several processes may do this at once (the others wait) and none sees half of
    it. After an interruption the next call continues with the parts already read.

    Raises :class:`InputError` for errors in the raw files, and :class:`~rmixer.errors.RunFailed` if
    the disk is full.
    """
    how = how or Making()
    recipe = _recipe(name, data)
    folder = _folder(name, recipe.fingerprint)
    try:
        with making(folder, how.report) as unfinished:
            if unfinished is not None:
                if recipe.files:
                    make_from_files(recipe, unfinished, how)
                else:
                    make_twin(recipe, unfinished)
                finish(unfinished, folder)
                return folder
    except OSError as error:
        raise _unwritable(error, folder.parent) from None
    if how.limits is not None:
        _check_found(how.limits, folder)
    return folder


def prepared_folder(name: str, data: str) -> Path:
    """The folder of :func:`prepare` for that data set, which may not exist yet. Raises
    :class:`InputError` for a raw file that is missing or cannot be read."""
    recipe = _recipe(name, data)
    for path in recipe.files:
        if not os.access(path, os.R_OK):
            raise InputError(path, "", "a file that cannot be read", "one that this user may read")
    return _folder(name, recipe.fingerprint)


def _recipe(name: str, data: str) -> Recipe:
    entry = dataset_entry(name)
    raw = () if data == SYNTHETIC else _raw_files(entry.load(), Path(data))
    files = {path: Source.of(path) for path in raw}
    code = data_code(entry.reader)
    rest = [entry.settings, list(files.values())]
    fingerprint = content_hash([_FORMAT, code, *rest])
    for old in formerly(code, "data"):
        _keep(_folder(name, content_hash([_FORMAT, old, *rest])), _folder(name, fingerprint))
    return Recipe(name, data, files, fingerprint)


def _raw_files(dataset: DataSet, data: Path) -> tuple[Path, ...]:
    refuse_archive(data, dataset)
    try:
        files = dataset.raw_files(data)
    except InputError as error:
        if hint := hint_of_archives(data, dataset):
            raise InputError(
                error.where, error.key, f"{error.found}; {hint}", error.allowed
            ) from None
        raise
    for path in files:
        refuse_archive(path, dataset)
    return files


def _keep(former: Path, folder: Path) -> None:
    """Renames a folder that the same code made under its former hash."""
    if former.is_dir() and not folder.is_dir():
        with contextlib.suppress(OSError):
            former.rename(folder)


def _folder(name: str, fingerprint: str) -> Path:
    return home() / "data" / f"{name}-{fingerprint}"


def open_dataset(name: str, data: str) -> Arrays:
    """The data set as memory-mapped arrays, prepared if need be; see :func:`prepare`."""
    return read_arrays(prepare(name, data), dataset_entry(name).load().columns)


def _check_found(limits: Limits, folder: Path) -> None:
    found = read_preparation(folder)
    first = list(found.first_malformed)
    check_malformed(limits, found.malformed, found.lines, first, f"{found.lines:,} lines")


def _unwritable(error: OSError, place: Path) -> Exception:
    """The error shown to a user for an operating system's ``error``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        left = "what was read is kept: free some space and call again to go on"
        return RunFailed(f"the disk of {place} is full; {left}")
    found = f"{error.filename or place}: {error.strerror or error}"
    return InputError("RMIXER_HOME", "", found, "a folder that can be written")


def decisive_sources(reader: str) -> tuple[Path, ...]:
    """The sources that decide the content of the data set ``reader`` (``module:Class``)."""
    return imported_sources([reader.partition(":")[0]], ["rmixer.data"], _ENGINE)


@cache
def data_code(reader: str, root: Path = ROOT) -> str:
    """A hash of the code of :func:`decisive_sources` below ``root``, without comments and
    layout."""
    digests = SourceDigests(our_files(["rmixer.data"], _ENGINE, root))
    return digests.of([reader.partition(":")[0]])
