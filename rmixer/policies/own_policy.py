"""A policy of the user's own: a class in their package, or an entry point ``rmixer.policies``."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

from rmixer.errors import InputError, choice
from rmixer.scheduling.policy import Policy

GROUP = "rmixer.policies"
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(:.*)?", re.ASCII)


def names_a_class(text: str) -> bool:
    """Whether ``text`` is ``package.module:Class``, perhaps with settings after another colon."""
    return bool(_CLASS.fullmatch(text))


def installed_policies() -> dict[str, str]:
    """The policies that installed packages offer: name to ``package.module:Class``."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def own_policy(path: str) -> type[Policy]:
    """The class at ``package.module:Class``; a module is looked for in the current folder, too.
    Raises :class:`InputError` if it is not there, or no policy."""
    module, _, name = path.partition(":")
    found = getattr(_imported(module, path), name, None)
    if found is None:
        classes = [each for each, _ in inspect.getmembers(sys.modules[module], inspect.isclass)]
        allowed = f"a class of {module}: {choice(name, classes)}"
        raise InputError("--policy", "", f"{path!r}, which has no {name!r}", allowed)
    if not (inspect.isclass(found) and issubclass(found, Policy)):
        allowed = "a subclass of rmixer.policies.Policy"
        raise InputError("--policy", "", f"{path!r}, which is {_what(found)}", allowed)
    if inspect.isabstract(found) or not isinstance(getattr(found, "name", None), str):
        lacks = ", ".join(sorted(found.__abstractmethods__)) or "a name"
        raise InputError("--policy", "", f"{path!r}, which lacks {lacks}", "a whole policy")
    return found


def _imported(module: str, path: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(module)
    except Exception as error:
        found = f"{path!r}: {type(error).__name__}: {error}"
        raise InputError("--policy", "", found, "a module that can be imported") from None


def _what(found: object) -> str:
    return f"the class {found.__name__}" if inspect.isclass(found) else f"a {type(found).__name__}"
