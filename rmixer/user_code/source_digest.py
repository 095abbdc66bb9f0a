"""A hash of what modules do, without comments, docstrings, layout and the place of a module.

Profiles and prepared data are kept as long as the code that decides them is the same. The hash is
taken of the syntax trees of that code:

- only names of nodes and fields that are not empty count, so every Python from 3.11 on agrees
  (``ast.dump`` of two versions differs);
- statements that are only a string (docstrings) and ``pass`` are left out;
- an import of a module that is not followed is left out;
- an import of a module that is followed counts by that module's own digest and the imported names,
  not by the module's name. A module that moves, or an import that moves in its file, changes
  nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rmixer.user_code.sources import called_for, is_module, listed, parsed

_EMPTY = "empty"
_CYCLE = "cycle"


class SourceDigests:
    """Digests of modules; each file is read once.

    ``file_of`` turns a module's name into its file, or None if it is not to be followed.
    """

    def __init__(self, file_of: Callable[[str], Path | None]) -> None:
        self._file_of = file_of
        self._known: dict[str, str] = {}
        self._met_cycle = False

    def of(self, modules: Sequence[str]) -> str:
        """16 hexadecimal digits for ``modules`` and all that they import, at any depth. Raises
        SyntaxError for a file that is not Python."""
        found = []
        for name in modules:
            before = dict(self._known)
            found.append(self._of(name))
            if self._met_cycle:  # what it has in between depends on where it was entered
                self._known, self._met_cycle = before, False
        return _hash(found)

    def _of(self, name: str) -> str:
        """The digest of module ``name``, ``empty`` if it is not followed or has no code."""
        if name not in self._known:
            path = self._file_of(name) if is_module(name) else None
            self._known[name] = _CYCLE if path else _EMPTY
            if path is not None:
                self._known[name] = self._of_file(name, path)
        elif self._known[name] == _CYCLE:
            self._met_cycle = True
        return self._known[name]

    def _of_file(self, name: str, path: Path) -> str:
        tree = parsed(path)
        is_package = path.name == "__init__.py"
        package = name.split(".") if is_package else name.split(".")[:-1]
        imports = [part for node in ast.walk(tree) for part in self._imported(node, package)]
        if is_package:
            names = [each for node in ast.walk(tree) for each in listed(node)]
            imports += [f"all {self._of(f'{name}.{each}')}" for each in names]
        elif package:
            imports.append(f"package {self._of('.'.join(package))}")
        found = sorted({text for text in imports if _EMPTY not in text.split()})
        code = _body(tree.body)
        return _hash([code, *found]) if code or found else _EMPTY

    def _imported(self, node: ast.AST, package: list[str]) -> Iterator[str]:
        """The imports of ``node``, in a module of ``package``: the digest, the name, the alias."""
        if isinstance(node, ast.Call):
            yield from (f"called {self._of(name)}" for name in called_for(node))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield f"import {self._of(alias.name)} {alias.asname or alias.name}"
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                bound = alias.asname or alias.name
                submodule = self._of(f"{base}.{alias.name}")
                if submodule != _EMPTY:
                    yield f"module {submodule} {bound}"
                yield f"from {self._of(base)} {alias.name} {bound}"


def _hash(parts: Sequence[str]) -> str:
    text = "\n".join(f"{len(part)} {part}" for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _body(statements: Sequence[ast.stmt]) -> str:
    return " ".join(filter(None, map(_statement, statements)))


def _statement(node: ast.stmt) -> str:
    """``node`` as text; empty if it does nothing."""
    if isinstance(node, ast.Pass | ast.Import | ast.ImportFrom):
        return ""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return "" if isinstance(node.value.value, str) else _node(node)
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name | ast.Attribute):
        idle = not _body(node.body) and not _body(node.orelse)  # if TYPE_CHECKING: import …
        return "" if idle else _node(node)
    return _node(node)


def _node(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return f"({type(node.value).__name__} {node.value!a})"
    if isinstance(node, ast.JoinedStr):
        return f"(JoinedStr {' '.join(map(_node, _joined(node.values)))})"
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    inside = " ".join(f"{name}={_value(value)}" for name, value in fields)
    return f"({type(node).__name__} {inside})"


def _value(value: object) -> str:
    if isinstance(value, ast.AST):
        return _statement(value) if isinstance(value, ast.stmt) else _node(value)
    if isinstance(value, list):
        if value and all(isinstance(item, ast.stmt) for item in value):
            return f"[{_body(value)}]"
        return f"[{' '.join(map(_value, value))}]"
    return ascii(value)


def _joined(parts: Sequence[ast.expr]) -> Iterator[ast.expr]:
    """The parts of an f-string; Python versions split the text between them differently."""
    text = ""
    for part in parts:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield part
    if text:
        yield ast.Constant(text)
