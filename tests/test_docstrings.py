"""Every module, public class and public function says in plain words what it does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = ("rmixer", "profiles", "sim", "executor", "experiments")
LONGEST_LINE = 100
Definition = ast.ClassDef | ast.FunctionDef
RIDDLE = re.compile(r"(What|Which|Whether|How|None|Where|Those|All|The one that)\b")
"""Beginnings of first sentences that hide the verb: "What is known of ...", "None where ..."."""


def faults(source: str) -> Iterator[str]:
    """The faults of the docstrings in ``source``, each with the name of its owner."""
    tree = ast.parse(source)
    yield from _faults_of(tree, "the module", must_have_one=True)
    for node in _definitions(tree):
        yield from _faults_of(node, node.name, must_have_one=not node.name.startswith("_"))
        for inner in _definitions(node):
            yield from _faults_of(inner, f"{node.name}.{inner.name}", must_have_one=False)


def _definitions(node: ast.Module | Definition) -> Iterator[Definition]:
    yield from (each for each in node.body if isinstance(each, Definition))


def _faults_of(node: ast.Module | Definition, name: str, *, must_have_one: bool) -> Iterator[str]:
    if fault := _fault(ast.get_docstring(node), must_have_one):
        yield f"{name}: {fault}"


def _fault(text: str | None, must_have_one: bool) -> str:
    if text is None:
        return "no docstring" if must_have_one else ""
    paragraph = text.partition("\n\n")[0]
    if len(paragraph.splitlines()[0]) > LONGEST_LINE:
        return "a first line of over 100 characters"
    if not paragraph.endswith((".", ":")):
        return f"a first paragraph without a full stop: {paragraph}"
    return f"a riddle: {paragraph}" if RIDDLE.match(paragraph) else ""


def test_docstrings_are_there_and_plain() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for stage in STAGES
        for path in sorted((ROOT / stage).rglob("*.py"))
        for fault in faults(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("", "the module: no docstring"),
        ('"""Reads a file."""\ndef read(): ...', "read: no docstring"),
        ('"""Reads a file"""', "the module: a first paragraph without a full stop: Reads a file"),
        ('"""What a file says."""', "the module: a riddle: What a file says."),
        (f'"""{"x" * 101}."""', "the module: a first line of over 100 characters"),
    ],
)
def test_faults_are_found(source: str, fault: str) -> None:
    assert list(faults(source)) == [fault]
