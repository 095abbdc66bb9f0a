"""A user's own model is found where Python would find it, without being run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.files.typed_files import Name, parse
from rmixer.user_code.own_module import find_own_model, label_of

BUILD = "def build(job):\n    return None\n"


def write(folder: Path, **files: str) -> Path:
    """Modules by name, ``pack__net`` for ``pack/net``."""
    for name, text in files.items():
        path = place_of(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def place_of(folder: Path, name: str) -> Path:
    return folder.joinpath(*name.split("__", 1)).with_suffix(".py")


def refused(model: str, folder: Path) -> InputError:
    with pytest.raises(InputError) as error:
        find_own_model(model, folder, "queue.yaml", "jobs.0.model")
    assert (error.value.where, error.value.key) == ("queue.yaml", "jobs.0.model")
    return error.value


def source_of(model: str, folder: Path) -> str:
    return find_own_model(model, folder, "", "").source


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is an empty one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_it_is_found_and_not_run(tmp_path: Path) -> None:
    write(tmp_path, my_net=f"raise SystemExit('run!')\n{BUILD}", pack__net=BUILD)
    assert find_own_model("my_net:build", tmp_path, "", "").root == tmp_path
    found = find_own_model("pack.net:build", tmp_path, "", "")
    assert (found.root, found.local) == (tmp_path, ("pack",))
    assert "my_net" not in sys.modules


def test_path_before_the_workloads_folder_before_the_current_one(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, beside = tmp_path / "installed", tmp_path / "beside"
    for folder in (installed, beside, elsewhere):
        write(folder, my_net=BUILD)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.syspath_prepend(installed)
    monkeypatch.syspath_prepend(elsewhere)  # as `python -m` does it
    for folder in (installed, beside, elsewhere):
        assert find_own_model("my_net:build", beside, "", "").root == folder
        (folder / "my_net.py").unlink()


@pytest.mark.parametrize(
    "text",
    [
        "build = make()",
        "build: object = 1",
        "from elsewhere import build",
        "from elsewhere import make as build",
        "import build.parts",
        "from elsewhere import *",
        "class build: ...",
        "if True:\n    def build(job): ...",
        "try:\n    import fast\nexcept ImportError:\n    build = None",
        "one, (build, two) = parts()",
        "def __getattr__(name): ...",
    ],
)
def test_a_name_may_be_bound_in_any_way(tmp_path: Path, text: str) -> None:
    write(tmp_path, my_net=text)
    find_own_model("my_net:build", tmp_path, "", "")


@pytest.mark.parametrize("text", ["", "def f():\n    build = 1", "x = lambda: (build := 1)"])
def test_a_module_without_the_function(tmp_path: Path, text: str) -> None:
    write(tmp_path, my_net=text)
    error = refused("my_net:build", tmp_path)
    assert error.found == f"no 'build' in {tmp_path / 'my_net.py'}"


def test_the_nearest_function_is_named(tmp_path: Path) -> None:
    write(tmp_path, my_net="def built(job): ...")
    assert "did you mean 'built'?" in refused("my_net:build", tmp_path).allowed


@pytest.mark.parametrize("model", [":build", "my_net:", "my net:build", "a..b:c", "a:b:c", "a/b:c"])
def test_what_is_no_name_of_a_function(tmp_path: Path, model: str) -> None:
    error = refused(model, tmp_path)
    assert error.found == repr(model)
    assert "'package.module:function'" in error.allowed


def test_a_module_that_is_nowhere(tmp_path: Path, elsewhere: Path) -> None:
    error = refused("pack.net:build", tmp_path)
    assert error.found == "no module 'pack.net'"
    assert "pack/net.py on PYTHONPATH" in error.allowed
    assert str(tmp_path) in error.allowed
    assert str(elsewhere) in error.allowed


def test_a_package_that_lacks_the_module(tmp_path: Path) -> None:
    write(tmp_path, pack____init__="", pack__other=BUILD)
    error = refused("pack.net:build", tmp_path)
    assert "which" in error.found
    assert "does not contain" in error.found


@pytest.mark.parametrize("name", ["rmixer", "sim", "executor", "profiles", "experiments", "random"])
def test_names_that_are_taken(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: BUILD, f"{name}__net": BUILD})
    for model in (f"{name}:build", f"{name}.net:build"):
        error = refused(model, tmp_path)
        whose = "Python" if name == "random" else "rmixer"
        assert f"{whose} has its own {name!r} (rename yours)" in error.allowed


def test_a_module_beside_it_whose_name_is_taken(tmp_path: Path) -> None:
    write(tmp_path, my_net=f"from profiles import user\n{BUILD}", profiles="user = 1")
    error = refused("my_net:build", tmp_path)
    assert error.found == f"an import of {tmp_path / 'profiles.py'}"
    assert "rename yours" in error.allowed


@pytest.mark.parametrize("broken", ["my_net", "beside"])
def test_a_source_that_is_no_python(tmp_path: Path, broken: str) -> None:
    files = {"my_net": f"import beside\n{BUILD}", "beside": "", broken: "x = 1\ndef build(:\n"}
    write(tmp_path, **files)
    error = refused("my_net:build", tmp_path)
    assert f"{tmp_path / broken}.py, line 2" in error.found


def test_a_null_byte(tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_bytes(b"build = 1\0")
    assert "null byte" in refused("my_net:build", tmp_path).found


def test_the_source_is_the_module_and_what_it_imports_locally(tmp_path: Path) -> None:
    write(
        tmp_path,
        my_net=f"import json, numpy\nfrom rmixer.own_model import OwnModel\n{BUILD}",
        pack__net=f"from pack.parts import layer\nimport features\n{BUILD}",
        pack__parts="from . import deeper",
        pack__deeper="",
        pack____init__="",
        features="",
        unrelated="",
    )
    alone = source_of("my_net:build", tmp_path)
    model = "pack.net:build"
    assert find_own_model(model, tmp_path, "", "").local == ("features", "pack")
    before = source_of(model, tmp_path)
    for name in ("unrelated", "my_net"):
        write(tmp_path, **{name: "changed = 1"})
        assert source_of(model, tmp_path) == before
    seen = {before}
    for name in ("pack__net", "pack__parts", "pack__deeper", "features", "pack____init__"):
        path = place_of(tmp_path, name)
        path.write_text(f"{path.read_text()}# changed\n" + (BUILD if name == "pack__net" else ""))
        seen.add(source_of(model, tmp_path))
    assert len(seen) == 6
    write(tmp_path, my_net=f"import json, numpy\nfrom rmixer.own_model import OwnModel\n{BUILD}")
    assert source_of("my_net:build", tmp_path) == alone


def test_the_source_does_not_depend_on_where_it_lies(tmp_path: Path) -> None:
    one, other = (write(tmp_path / place, my_net=BUILD) for place in ("one", "other"))
    assert source_of("my_net:build", one) == source_of("my_net:build", other)


def test_of_an_installed_package_only_the_package_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "lib" / "site-packages"
    write(
        site, pack__net=f"import other\nfrom pack import parts\n{BUILD}", pack__parts="", other=""
    )
    monkeypatch.syspath_prepend(site)
    found = find_own_model("pack.net:build", tmp_path, "", "")
    assert (found.root, found.local) == (site, ("pack",))


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("criteo_dlrm", "criteo_dlrm"),
        ("my_ranker:build", "my_ranker"),
        ("pack.sub.my_ranker:build", "my_ranker"),
        ("my_ranker:build_wide", "my_ranker-build_wide"),
        ("pack._private:build", "private"),
        ("größe:build", "gr-e"),
        ("__:build", "model"),
        ("m" * 200 + ":build", "m" * 60),
    ],
)
def test_labels_may_name_a_file(model: str, label: str) -> None:
    assert label_of(model) == label
    assert parse(f"{label}-100000", Name, "") == f"{label}-100000"
