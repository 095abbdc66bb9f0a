"""Workers find their tasks by names in strings, which no tool follows: here each is imported."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("rmixer", "profiles", "sim", "executor", "experiments")
ROOMS = sorted(path for stage in STAGES for path in (ROOT / stage).rglob("tasks.py"))
NAME = re.compile(rf"({'|'.join(STAGES)})(\.\w+)+:\w+")


def names(path: Path) -> set[str]:
    """The strings in ``path`` that name a function of ours."""
    strings = (
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in strings if NAME.fullmatch(text)}


@pytest.mark.parametrize("name", sorted(name for path in ROOMS for name in names(path)))
def test_every_task_is_there(name: str) -> None:
    module, _, function = name.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_task_names_stand_nowhere_else() -> None:
    """But for the models and the readers of data sets, which have tests of their own."""
    data = ("models/configurations", "data/registry.py", "recorded")
    others = {
        f"{path.relative_to(ROOT)}: {name}"
        for stage in STAGES
        for path in (ROOT / stage).rglob("*.py")
        if path not in ROOMS and not any(part in path.as_posix() for part in data)
        for name in names(path)
    }
    assert others == set()
    assert len(ROOMS) > 4
