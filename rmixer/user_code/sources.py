"""Finds the source files of a module without importing it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def our_files(
    within: Sequence[str], stop: Collection[str] = (), root: Path = ROOT
) -> Callable[[str], Path | None]:
    """A function from the name of one of our modules to its file below ``root``. It returns None
    for modules outside of the packages ``within`` and for those in ``stop``."""

    def file_of(name: str) -> Path | None:
        if name in stop or not any(name.startswith(f"{package}.") for package in within):
            return None
        return module_file(name, root)

    return file_of


def imported_sources(
    modules: Sequence[str], within: Sequence[str], stop: Collection[str] = ()
) -> tuple[Path, ...]:
    """The files of our ``modules`` and of all that they import, at any depth, sorted; ``within``
    and ``stop`` as in :func:`our_files`."""
    return follow(modules, our_files(within, stop))


def follow(modules: Sequence[str], file_of: Callable[[str], Path | None]) -> tuple[Path, ...]:
    """The files of ``modules``, of the packages around them and of what they import, sorted.

    ``file_of`` returns a module's file, or None if it should not be followed. Raises SyntaxError
    for a file that is not Python.
    """
    found: dict[str, Path | None] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            path = found[name] = file_of(name) if is_module(name) else None
            if path is not None:
                waiting += _imports(name, path)
            if package := name.rpartition(".")[0]:  # Python runs its __init__.py first
                waiting.append(package)
    return tuple(sorted({path for path in found.values() if path is not None}))


def module_file(name: str, root: Path) -> Path | None:
    """The source of module ``name`` below the folder ``root``, if there is one."""
    place = root.joinpath(*name.split("."))
    for path in (place / "__init__.py", place.with_suffix(".py")):  # as Python looks for them
        if path.is_file():
            return path
    return None


def parsed(path: Path) -> ast.Module:
    """The source file at ``path`` as a tree; raises SyntaxError."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except ValueError as error:  # a null byte
        raise SyntaxError(str(error), (str(path), 1, None, None)) from None


def is_module(name: str) -> bool:
    """True if ``name`` may be that of a module."""
    return all(part.isidentifier() for part in name.split("."))


def _imports(name: str, path: Path) -> Iterator[str]:
    """The modules that the source of module ``name`` imports anywhere; for a package also those of
    its ``__all__``, which ``import *`` imports."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(parsed(path)):
        if path.name == "__init__.py":
            yield from (f"{name}.{each}" for each in listed(node))
        if isinstance(node, ast.Call):
            yield from called_for(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def listed(node: ast.AST) -> Iterator[str]:
    """The literal names that an assignment gives to ``__all__``."""
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    else:
        return
    if node.value and any(isinstance(each, ast.Name) and each.id == "__all__" for each in targets):
        yield from _words_in(node.value)


def called_for(call: ast.Call) -> Iterator[str]:
    """The module that ``importlib.import_module`` or ``__import__`` is called for, if its name is a
    literal."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    first = call.args[0] if call.args else None
    if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
        yield str(first.value)


def _words_in(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
