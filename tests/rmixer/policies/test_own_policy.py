"""A policy of the user's own is found by its path or by its entry point; what is no policy is one
line that says what is missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from rmixer.errors import InputError, PolicyFailed
from rmixer.policies import make_policy, policy_names

HEAD = """
import math
from rmixer.policies import Policy

class Sjf(Policy):
    name = "sjf"

    def __init__(self, seed=0, ageing=0.5, most=3, mode="fast", table=None):
        super().__init__(seed)
        self.given = (ageing, most, mode, table)

    def decide(self, view):
        return ()
"""
_number = itertools.count()


class Write(Protocol):
    """Writes a module and returns its name, another one each time: modules stay imported."""

    def __call__(self, text: str, head: str = HEAD) -> str: ...


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(tmp_path)

    def written(text: str, head: str = HEAD) -> str:
        name = f"own_policies_{next(_number)}"
        (tmp_path / f"{name}.py").write_text(head + text)
        return name

    return written


def refused(text: str) -> str:
    with pytest.raises(InputError) as found:
        make_policy(text)
    message = str(found.value)
    assert message.startswith("--policy: ")
    assert "\n" not in message
    return message


def test_a_class_by_its_path_with_settings(write: Write) -> None:
    path = f"{write('')}:Sjf"
    policy = make_policy(path, seed=7)
    assert (policy.name, policy.origin, policy.seed) == ("sjf", path, 7)
    assert policy.given == (0.5, 3, "fast", None)  # type: ignore[attr-defined]
    changed = make_policy(f"{path}:ageing=2,most=1,mode=a:b,seed=9")
    assert (changed.given, changed.seed) == ((2.0, 1, "a:b", None), 9)  # type: ignore[attr-defined]
    assert make_policy(path) is not make_policy(path)


def test_a_module_in_a_package(tmp_path: Path, write: Write) -> None:
    module = write("")
    (tmp_path / f"pack_{module}").mkdir()
    (tmp_path / f"pack_{module}" / "rules.py").write_text(f"from {module} import Sjf")
    assert make_policy(f"pack_{module}.rules:Sjf").name == "sjf"
    assert "no module 'pack_" in refused(f"pack_{module}.rulez:Sjf")


def test_a_module_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    (tmp_path / "here").mkdir()
    module = f"here_{write('')}"
    (tmp_path / "here" / f"{module}.py").write_text(HEAD)
    monkeypatch.chdir(tmp_path / "here")
    assert make_policy(f"{module}:Sjf").name == "sjf"


def install(folder: Path, name: str, value: str) -> None:
    """What an installed package with this entry point leaves in its folder."""
    info = folder / f"{name}_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rmixer.policies]\n{name} = {value}\n")


def test_an_entry_point(tmp_path: Path, write: Write) -> None:
    module = write("")
    install(tmp_path, "shortest", f"{module}:Sjf [fast]")
    policy = make_policy("shortest:ageing=3", seed=1)
    assert (policy.origin, policy.seed) == ("shortest:ageing=3", 1)
    assert policy.given[0] == 3.0  # type: ignore[attr-defined]
    assert "did you mean 'shortest'" in refused("shortes")
    assert "takes no device rule" in refused("shortest@dyMemo")


def test_an_entry_point_that_leads_nowhere(tmp_path: Path, write: Write) -> None:
    install(tmp_path, "gone", f"{write('')}:Sfj")
    message = refused("gone")
    assert "found 'gone' of an installed package: 'own_policies_" in message
    assert "allowed: did you mean 'Sjf'" in message


def test_a_name_of_ours_is_offered_once(tmp_path: Path, write: Write) -> None:
    install(tmp_path, "lpt", f"{write('')}:Sjf")
    assert refused("lppt").count("lpt,") == 1


def test_names_of_a_sweep_with_settings_of_their_own(write: Write) -> None:
    path = f"{write('')}:Sjf"
    names = policy_names(f"lpt,{path}:ageing=1,mode=a:b,dyMix:beta=2,seed=3,{path}")
    assert names == ("lpt", f"{path}:ageing=1,mode=a:b", "dyMix:beta=2,seed=3", path)


@pytest.mark.parametrize(
    ("body", "name", "told"),
    [
        ("", "Sfj", ["no 'Sfj' in own_policies_", "did you mean 'Sjf'? one of Sjf"]),
        ("", "Policy", ["lacks decide", "defines all methods"]),
        ("", "math", ["the module math", "a subclass of rmixer.policies.Policy"]),
        ("class Plain: pass", "Plain", ["the class Plain", "a subclass of rmixer.policies.Policy"]),
        ("rule = Sjf()", "rule", ["the Sjf", "a subclass of rmixer.policies.Policy"]),
        ("class No(Policy):\n  name = 'no'", "No", ["lacks decide"]),
        ("class No(Policy):\n  def decide(self, view): ...", "No", ["lacks a name"]),
        ("class No(Sjf):\n  def __init__(self): ...", "No", ["takes no seed", "seed: int = 0"]),
        (
            "class No(Sjf):\n  def __init__(self, seed, k, *, m): ...",
            "No",
            ["__init__ needs k, m", "settings that all have a default"],
        ),
        ("class No(Sjf):\n  def __init__(self, seed=0): ...", "No", ["does not keep its seed"]),
        ("class No(Sjf): memory = 'some'", "No", ["memory is 'some'", "margin, peak, none"]),
        ("class No(Sjf): needs = 'peak_bytes'", "No", ["needs are 'peak_bytes'", "a tuple of"]),
        ("", "Sjf:aging=1", ["'aging'", "did you mean 'ageing'"]),
        ("", "Sjf:ageing", ["'ageing'", "settings as key=value"]),
        ("", "Sjf:ageing=x", ["ageing: found 'x'", "a number"]),
        ("", "Sjf:ageing=1,ageing=2", ["'ageing' twice"]),
        ("", "Sjf:table=1", ["default is None", "a whole number, a number or a word"]),
    ],
)
def test_what_is_no_policy(body: str, name: str, told: list[str], write: Write) -> None:
    message = refused(f"{write(body)}:{name}")
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", ["SyntaxError: invalid syntax", ".py, line 1)"]),
        ("import no_such_library", ["ModuleNotFoundError", "no_such_library", ".py, line 1)"]),
        ("\n1 / 0", ["ZeroDivisionError: division by zero", ".py, line 2)"]),
        ("raise SystemExit(3)", ["SystemExit: 3"]),
        ("raise ValueError('two\\nlines')", ["ValueError: two (", "line 1)"]),
    ],
)
def test_a_module_whose_import_fails_is_one_line(text: str, told: list[str], write: Write) -> None:
    message = refused(f"{write(text, head='')}:Sjf")
    assert message.endswith("allowed: a module that can be imported")
    for part in told:
        assert part in message


def test_a_module_without_a_policy(write: Write) -> None:
    assert "a module with a subclass of Policy" in refused(f"{write('x = 1', head='')}:Sjf")


def test_no_such_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    message = refused("no_such.policies:Sjf")
    assert "found 'no_such.policies:Sjf': no module 'no_such'" in message
    assert f"no_such/policies.py on PYTHONPATH or in {tmp_path}" in message


def test_a_setting_of_ours_without_a_value_names_no_class() -> None:
    assert "found 'beta'; allowed: settings as key=value" in refused("dyMix:beta")


def test_an_error_in_its_init_is_the_users(write: Write) -> None:
    module = write("class Bad(Sjf):\n  def __init__(self, seed=0, k=1):\n    1 / (k - 1)\n")
    with pytest.raises(PolicyFailed) as found:
        make_policy(f"{module}:Bad")
    first, second, *rest = str(found.value).splitlines()
    assert first == f"policy '{module}:Bad': ZeroDivisionError: division by zero"
    assert second == "Traceback (most recent call last):"
    assert f'{module}.py"' in rest[0]
    assert "rmixer/" not in "".join(rest)


def test_a_policy_may_refuse_its_settings(write: Write) -> None:
    body = (
        "from rmixer.errors import InputError\n"
        "class Even(Sjf):\n"
        "  def __init__(self, seed=0, k=2):\n"
        "    super().__init__(seed)\n"
        "    if k % 2: raise InputError('--policy', 'k', k, 'an even number')\n"
    )
    module = write(body)
    assert refused(f"{module}:Even:k=3") == "--policy: k: found 3; allowed: an even number"
    assert make_policy(f"{module}:Even:k=4").seed == 0
