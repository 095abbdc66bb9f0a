"""A user's own model, ``package.module:function``: found on disk without importing it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rmixer.errors import InputError, choice
from rmixer.user_code.sources import follow, module_file, parsed

OURS = ("executor", "experiments", "profiles", "rmixer", "sim")
"""Our own packages. They come first on the path of every worker, so no other module may have these
names."""

_OUR_ROOT = Path(__file__).resolve().parents[2]
_SITE = ("site-packages", "dist-packages")
_FORM = "'package.module:function', the function that builds your model"


@dataclass(frozen=True)
class OwnModule:
    """The place of a module: ``root`` is the folder that must be on Python's path, ``source`` a
    hash of the module and of the local modules that it imports (not installed ones), ``local`` the
    top-level names of all these."""

    root: Path
    source: str
    local: tuple[str, ...]


def is_own(model: str) -> bool:
    """True if ``model`` names a user's own model, not one of the registry."""
    return ":" in model


def label_of(model: str) -> str:
    """A short name for ``model`` that is valid in file names: for an own model the module's last
    part, and the function if it is not called ``build``."""
    module, _, function = model.partition(":")
    if not function:
        return model
    text = module.rpartition(".")[2] + ("" if function == "build" else f"-{function}")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).lstrip("-_")[:60] or "model"


def find_own_model(model: str, folder: Path, where: object, key: str) -> OwnModule:
    """Finds the module of ``model`` among installed ones and on ``PYTHONPATH``, then in ``folder``,
    then in the current one. Nothing of it is run.

    Raises :class:`InputError` (for ``where``, ``key``) if the module or function is missing, if its
    name belongs to Python or to us, or if it is not Python.
    """
    module, _, function = model.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise InputError(where, key, repr(model), _FORM)
    top = module.partition(".")[0]
    if top in OURS or top in sys.stdlib_module_names:
        whose = "rmixer" if top in OURS else "Python"
        allowed = f"a module of another name: {whose} has its own {top!r} (rename yours)"
        raise InputError(where, key, repr(model), allowed)
    root, path = _find(module, folder, where, key)
    try:
        _check_function(path, function, where, key)
        sources = own_sources(module, root)
        _check_names(sources, root, where, key)
    except SyntaxError as error:
        found = f"{error.filename or path}, line {error.lineno}: {error.msg}"
        raise InputError(where, key, found, "a module that Python can read") from None
    tops = {source.relative_to(root).parts[0].removesuffix(".py") for source in sources}
    return OwnModule(root, source_hash(sources, root), tuple(sorted(tops)))


def own_sources(module: str, root: Path) -> tuple[Path, ...]:
    """The files of ``module`` under ``root`` and of the local modules it imports, at any depth: all
    under ``root`` or, if that is a folder of installed packages, those of its package."""
    top = module.partition(".")[0]
    installed = root.name in _SITE

    def local(name: str) -> Path | None:
        first = name.partition(".")[0]
        if first in sys.stdlib_module_names or (installed and first != top):
            return None
        found = module_file(name, root)
        return None if found is not None and _OUR_ROOT / first in found.parents else found

    return follow((module,), local)


def source_hash(sources: tuple[Path, ...], root: Path) -> str:
    """A hash of the names under ``root`` and the contents of ``sources``."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sources:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _find(module: str, folder: Path, where: object, key: str) -> tuple[Path, Path]:
    """The folder on the path under which ``module`` lies, and its file."""
    top = module.partition(".")[0]
    roots = _search_path(folder)
    for root in roots:
        path = module_file(module, root)
        if path is not None:
            return root, path
        package = module_file(top, root)  # here Python looks no further, and finds nothing
        if package is not None:
            found = f"{module!r}, which {package} does not contain"
            raise InputError(where, key, found, "a module that is there")
    try:
        spec = importlib.util.find_spec(top)  # packages installed in a way of their own
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin and spec.origin.endswith(".py"):
        origin = Path(spec.origin)
        root = origin.parents[1] if origin.name == "__init__.py" else origin.parent
        path = module_file(module, root)
        if path is not None:
            return root, path
    file = "/".join(module.split(".")) + ".py"
    allowed = f"an installed module, or {file} on PYTHONPATH, in {folder.resolve()}"
    here = "" if folder.resolve() == Path.cwd() else f" or in {Path.cwd()}"
    raise InputError(where, key, f"no module {module!r}", allowed + here)


def _search_path(folder: Path) -> list[Path]:
    """The folders in which modules are looked for. Python puts the current one first for some
    commands only; here it always comes last."""
    given = {os.path.abspath(part) for part in _parts_of_pythonpath()}
    here = os.getcwd()
    parts = [os.path.abspath(part) for part in sys.path if part]
    known = [part for part in parts if part != here or part in given]
    return [Path(part) for part in dict.fromkeys((*known, str(folder.resolve()), here))]


def _parts_of_pythonpath() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]


def _check_function(path: Path, function: str, where: object, key: str) -> None:
    names = set(_bound(parsed(path).body))
    if function not in names and not names & {"*", "__getattr__"}:
        found = f"no {function!r} in {path}"
        raise InputError(where, key, found, choice(function, names) if names else "a function")


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a module binds at its top level, ``*`` if it imports unnamed ones."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _check_names(sources: tuple[Path, ...], root: Path, where: object, key: str) -> None:
    """Raises :class:`InputError` if one of ``sources`` has the name of one of our packages: the
    import would find ours."""
    for path in sources:
        first = path.relative_to(root).parts[0].removesuffix(".py")
        if first in OURS:
            allowed = f"a module of another name: rmixer has its own {first!r} (rename yours)"
            raise InputError(where, key, f"an import of {path}", allowed)
