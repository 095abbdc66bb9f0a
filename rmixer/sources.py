"""Which source files a module is made of, found without importing it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def imported_sources(
    modules: Sequence[str], within: Sequence[str], stop: Collection[str] = ()
) -> tuple[Path, ...]:
    """The files of our ``modules`` and of all that they import, at any depth, sorted.

    Only modules below one of the packages ``within`` are followed, and none in ``stop``.
    """

    def ours(name: str) -> Path | None:
        if name in stop or not any(name.startswith(f"{package}.") for package in within):
            return None
        return module_file(name, _ROOT)

    return follow(modules, ours)


def follow(modules: Sequence[str], file_of: Callable[[str], Path | None]) -> tuple[Path, ...]:
    """The files of ``modules``, of the packages around them and of what they import, sorted.

    ``file_of`` turns a module's name into its file, or None where it is not to be followed. Raises
    SyntaxError for a file that is no Python.
    """
    found: dict[str, Path | None] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            path = found[name] = file_of(name) if _is_module(name) else None
            if path is not None:
                waiting += _imports(name, path)
            if package := name.rpartition(".")[0]:  # Python runs its __init__.py first
                waiting.append(package)
    return tuple(sorted({path for path in found.values() if path is not None}))


def module_file(name: str, root: Path) -> Path | None:
    """The source of module ``name`` below the folder ``root``, if there is one."""
    place = root.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def parsed(path: Path) -> ast.Module:
    """The source file at ``path`` as a tree; raises SyntaxError."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except ValueError as error:  # a null byte
        raise SyntaxError(str(error), (str(path), 1, None, None)) from None


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _imports(name: str, path: Path) -> Iterator[str]:
    """The modules that the source of module ``name`` names in imports, wherever they stand."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
