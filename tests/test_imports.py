"""Imports run one way, and what only reads files needs neither torch nor a GPU."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BELOW = {
    "rmixer": {"rmixer"},
    "profiles": {"profiles", "rmixer"},
    "sim": {"sim", "profiles", "rmixer"},
    "executor": {"executor", "profiles", "rmixer"},
    "experiments": {"experiments", "sim", "executor", "profiles", "rmixer"},
}
"""What each folder may import, itself included."""


def imported(path: Path) -> Iterator[str]:
    """The full names that a file imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    doors = (ROOT / "rmixer" / "cli", ROOT / "rmixer" / "library.py")
    return [path for path in found if not {path, *path.parents} & {*doors}]


@pytest.mark.parametrize("folder", BELOW)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    for path in sources(folder):
        for name in imported(path):
            first, _, rest = name.partition(".")
            assert first not in BELOW or first in BELOW[folder], f"{path} imports {name}"
            assert not (first == "rmixer" and rest.split(".")[0] == "cli"), f"{path} imports {name}"


def test_no_module_of_the_tests_has_the_name_of_something_else() -> None:
    """They are imported by their bare names: of two with one name, or where a command leaves a
    folder of that name in the root, it would depend on the order of folders which one is meant."""
    left_in_the_root = {"runs", "build", "dist", "data", "figures", "logs", "models", "profiles"}
    names = [path.stem for path in (ROOT / "tests").rglob("*.py") if path.stem != "conftest"]
    assert len(set(names)) == len(names)
    assert not (left_in_the_root | {*BELOW}) & set(names)


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_vocabulary_is_imported_without_torch() -> None:
    rooms = (
        "workload",
        "policies",
        "model_profile",
        "scheduling",
        "run_record",
        "imported",
        "hardware",
    )
    paths = [path for room in rooms for path in (ROOT / "rmixer" / room).rglob("*.py")]
    modules = ", ".join(map(_name, sorted(paths)))
    heavy = "'torch', 'pandas', 'matplotlib', 'scipy'"
    code = f"import sys, {modules}\nprint([n for n in ({heavy}) if n in sys.modules])"
    assert python(code) == "[]\n"


def test_every_module_of_the_vocabulary_can_be_imported_first() -> None:
    """No cycle that only works when another module comes first."""
    paths = [*(ROOT / "rmixer").glob("*.py"), *(ROOT / "rmixer").glob("*/*.py")]
    left_out = ("cli", "models", "data", "training", "testing", "step_hook")  # torch, or programs
    names = [_name(path) for path in sorted(paths) if path.parent.name not in left_out]
    code = f"""
import importlib, sys
for name in {names!r}:
    for known in [n for n in sys.modules if n.partition('.')[0] == 'rmixer']:
        del sys.modules[known]
    importlib.import_module(name)
print(len({names!r}))
"""
    assert int(python(code)) == len(names) > 20


def test_models_are_built_where_no_gpu_is_visible() -> None:
    code = """
from rmixer.models.registry import MODELS
import torch
assert not torch.cuda.is_available()
with torch.device("meta"):
    print(all(entry.build().parameter_counts() for entry in MODELS.values()))
"""
    assert python(code, CUDA_VISIBLE_DEVICES="") == "True\n"


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
