"""The hash of a step's code: prose and moves leave it, a changed constant does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rmixer.user_code.source_digest import SourceDigests
from rmixer.user_code.sources import module_file, our_files

BASE = {
    "step": """
import math
from typing import TYPE_CHECKING
from tools.layers import scaled as s
RATE = 0.5
def run(x, *, name=None):
    return s(x) * RATE + math.pi + len(f"{x!r:>{RATE}} of {name}") - {1: None, **{}}[1:2]
""",
    "tools/layers": "def scaled(x):\n    return x * 2 if x is not None else 0\n",
}


def digest(folder: Path, files: Mapping[str, str], root: str = "step") -> str:
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return SourceDigests(lambda name: module_file(name, folder)).of([root])


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert old in BASE[name]
    return {**BASE, name: BASE[name].replace(old, new)}


def test_every_python_has_the_same_hash(tmp_path: Path) -> None:
    """Written down: a version of Python with another syntax tree for the same code fails here."""
    assert digest(tmp_path, BASE) == "54eab08c80996f3a"


@pytest.mark.parametrize(
    "files",
    [
        changed("step", "RATE = 0.5", "# how much\nRATE = 0.5\n'''The rate.'''"),
        changed("step", "    return s(x)", "    '''Run it.'''\n\n    return (s(x))"),
        changed("step", "RATE = 0.5", "if TYPE_CHECKING:\n    import json\nRATE = 0.5"),
        changed("step", "import math\n", "import os.path\nfrom numpy import sum\nimport math\n"),
        changed("step", "import math\n", "from tools.layers import scaled as s\nimport math\n"),
        changed("tools/layers", "def", "from __future__ import annotations\ndef"),
        {**BASE, "tools/__init__": '"""Tools."""\n'},
        {
            "step": BASE["step"].replace("tools.layers", "rooms.of.layers"),
            "rooms/of/layers": BASE["tools/layers"],
        },
    ],
    ids=["comment", "docstring", "typing", "outside", "again", "future", "package", "moved"],
)
def test_prose_and_moves_change_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert digest(tmp_path / "a", files) == digest(tmp_path / "b", BASE)


@pytest.mark.parametrize(
    "files",
    [
        changed("step", "0.5", "0.25"),
        changed("step", "0.5", "'0.5'"),
        changed("step", "name=None", "name=0"),
        changed("step", "s(x) * RATE", "s(x) + RATE"),
        changed("step", "!r:>", "!s:>"),
        changed("step", " of ", " by "),
        changed("step", "scaled as s", "other as s"),
        changed("tools/layers", "* 2", "* 3"),
        changed("tools/layers", "is not None", "is None"),
        {**BASE, "tools/__init__": "LIMIT = 3\n"},
    ],
)
def test_what_the_code_does_changes_it(tmp_path: Path, files: dict[str, str]) -> None:
    assert digest(tmp_path / "a", files) != digest(tmp_path / "b", BASE)


def test_a_name_from_another_module_changes_it(tmp_path: Path) -> None:
    two = {**BASE, "tools/more": "def scaled(x):\n    return x * 4\n"}
    both = two | {"step": "from tools.more import scaled\n" + BASE["step"]}
    swapped = both | {"step": both["step"].replace("more", "x").replace("layers", "more")}
    swapped["step"] = swapped["step"].replace("tools.x", "tools.layers")
    assert digest(tmp_path / "a", both) != digest(tmp_path / "b", swapped)


def test_modules_that_import_each_other_have_one_hash_from_any_of_them(tmp_path: Path) -> None:
    files = {"a": "import b\nA = 1\n", "b": "import a\nB = 2\n"}
    fresh = digest(tmp_path, files, "b")
    both = SourceDigests(lambda name: module_file(name, tmp_path))
    both.of(["a"])
    assert both.of(["b"]) == fresh
    assert digest(tmp_path, {**files, "a": "import b\nA = 3\n"}, "b") != fresh


def test_packages_and_stops_bound_what_is_followed(tmp_path: Path) -> None:
    files = {
        "rmixer/models/a": "from rmixer.models.metrics import auc\nfrom rmixer.errors import E\n",
        "rmixer/models/metrics": "def auc(): return 1\n",
        "rmixer/errors": "E = 1\n",
    }

    def found() -> str:
        follow = our_files(["rmixer.models"], ["rmixer.models.metrics"], tmp_path)
        return SourceDigests(follow).of(["rmixer.models.a"])

    digest(tmp_path, files)
    before = found()
    digest(tmp_path, {"rmixer/models/metrics": "auc = 2\n", "rmixer/errors": "E = 3\n"})
    assert found() == before
    digest(tmp_path, {"rmixer/models/a": "A = 1\n"})
    assert found() != before
