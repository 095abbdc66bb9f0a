"""A user's own policy: a class in their package, or an entry point ``rmixer.policies``."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import get_args

from rmixer.errors import InputError, choice
from rmixer.policies.settings import seed_is_taken, without_default
from rmixer.scheduling.policy import Figure, Policy
from rmixer.scheduling.view import MemoryCheck

GROUP = "rmixer.policies"
WHERE = "--policy"
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(:.*)?", re.ASCII)


def names_a_class(text: str) -> bool:
    """True if ``text`` is ``package.module:Class``, perhaps with settings after another colon."""
    return bool(_CLASS.fullmatch(text))


def installed_policies() -> dict[str, str]:
    """The policies of installed packages: name to ``package.module:Class``."""
    return {point.name: _path(point) for point in entry_points(group=GROUP)}


def own_policy(path: str) -> type[Policy]:
    """Imports the class at ``package.module:Class``, from an installed module, ``PYTHONPATH`` or
    the current folder. Raises :class:`InputError` if it is missing, if its import fails, or if it
    is not a complete policy."""
    module, _, name = path.partition(":")
    imported = _imported(module, path)
    found = getattr(imported, name, None)
    if found is None:
        place = getattr(imported, "__file__", None) or "which has no file"
        kinds = [each for each, kind in vars(imported).items() if _is_whole(kind)]
        allowed = choice(name, kinds) if kinds else "a module with a subclass of Policy"
        raise InputError(WHERE, "", f"{path!r}: no {name!r} in {module} ({place})", allowed)
    return check_class(found, path)


def check_class(found: object, path: str) -> type[Policy]:
    """Returns ``found`` if it is a complete policy. Raises :class:`InputError`, for ``path``, that
    names what is missing."""
    if not (inspect.isclass(found) and issubclass(found, Policy)):
        what = "the class" if inspect.isclass(found) else f"the {type(found).__name__}"
        called = getattr(found, "__name__", "")
        allowed = "a subclass of rmixer.policies.Policy"
        raise InputError(WHERE, "", f"{path!r}, {what} {called}".rstrip(), allowed)
    for wrong, allowed in _faults(found):
        raise InputError(WHERE, "", f"{path!r}, {wrong}", allowed)
    return found


def _faults(kind: type[Policy]) -> list[tuple[str, str]]:
    """The faults of ``kind``, each with the correct form."""
    faults = []
    if kind.__abstractmethods__:
        names = ", ".join(sorted(kind.__abstractmethods__))
        faults.append((f"which lacks {names}", "a class that defines all methods of Policy"))
    if not isinstance(getattr(kind, "name", None), str):
        faults.append(("which lacks a name", 'a class with a name, as name = "mine"'))
    if not seed_is_taken(kind):
        faults.append(("whose __init__ takes no seed", "__init__(self, seed: int = 0, ...)"))
    if needed := without_default(kind):
        said = f"whose __init__ needs {', '.join(needed)}"
        faults.append((said, "settings that all have a default"))
    if kind.memory not in get_args(MemoryCheck):
        allowed = f"one of {', '.join(get_args(MemoryCheck))}"
        faults.append((f"whose memory is {kind.memory!r}", allowed))
    if not isinstance(kind.needs, tuple) or not set(kind.needs) <= set(get_args(Figure)):
        allowed = f"a tuple of some of {', '.join(map(repr, get_args(Figure)))}"
        faults.append((f"whose needs are {kind.needs!r}", allowed))
    return faults


def _is_whole(kind: object) -> bool:
    """True if ``kind`` is a complete policy class."""
    return inspect.isclass(kind) and issubclass(kind, Policy) and not inspect.isabstract(kind)


def _imported(module: str, path: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _not_importable(path, error) from None
        file = module.replace(".", "/") + ".py"
        allowed = f"an installed module, or {file} on PYTHONPATH or in {here}"
        raise InputError(WHERE, "", f"{path!r}: no module {error.name!r}", allowed) from None
    except (Exception, SystemExit) as error:
        raise _not_importable(path, error) from None


def _not_importable(path: str, error: BaseException) -> InputError:
    """An import ``error`` in a line, with the place in the user's code where it was raised."""
    said = (str(error).strip().splitlines() or [""])[0]
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not frame.filename.startswith("<frozen ")]
    last = users[-1] if users else None
    place = f" ({last.filename}, line {last.lineno})" if last and last.filename != __file__ else ""
    if isinstance(error, SyntaxError):  # its text has the line, not the folder
        place = f" ({error.filename})" if error.filename else ""
    found = f"{path!r}: {type(error).__name__}: {said}".removesuffix(": ") + place
    return InputError(WHERE, "", found, "a module that can be imported")


def _path(point: EntryPoint) -> str:
    return point.value.partition("[")[0].strip()
