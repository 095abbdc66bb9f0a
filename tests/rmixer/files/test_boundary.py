"""Files in and out: strict types, one clear message, nothing half-written, fixed hashes."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

from rmixer import errors
from rmixer.errors import InputError, all_of, choice, each_error
from rmixer.files.typed_files import (
    Name,
    content_hash,
    load_json,
    load_yaml,
    parse,
    plain,
    write_json,
    write_text,
    write_yaml,
)


@dataclass(frozen=True)
class Leaf:
    __pydantic_config__ = ConfigDict(extra="forbid")

    size: Annotated[int, Field(gt=0, lt=100)]
    rate: Annotated[float, Field(ge=0.5, allow_inf_nan=False)] = 1.0
    kind: Literal["cpu", "gpu"] = "cpu"
    on: bool = True


@dataclass(frozen=True)
class Tree:
    __pydantic_config__ = ConfigDict(extra="forbid")

    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    spare: Leaf | None = None
    by_name: dict[Literal["a", "b"], Leaf] | None = None
    name: Name = "x"


def test_plain_data_becomes_a_dataclass() -> None:
    data = {"leaf": {"size": 3, "rate": 2}, "leaves": [{"size": 4}], "by_name": {"a": {"size": 5}}}
    assert parse(data, Tree, "f") == Tree(Leaf(3, 2.0), (Leaf(4),), None, {"a": Leaf(5)})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "f: leaf: found nothing; allowed: a value (this key is required)"),
        ([], "f: found []; allowed: a mapping of keys to values"),
        ({"leaf": 3}, "f: leaf: found 3; allowed: a mapping of keys to values"),
        ({"leaf": {"size": True}}, "f: leaf.size: found true; allowed: a whole number"),
        ({"leaf": {"size": 3.0}}, "f: leaf.size: found 3.0; allowed: a whole number"),
        ({"leaf": {"size": None}}, "f: leaf.size: found null; allowed: a whole number"),
        ({"leaf": {"size": 0}}, "f: leaf.size: found 0; allowed: a whole number > 0"),
        ({"leaf": {"size": 100}}, "f: leaf.size: found 100; allowed: a whole number < 100"),
        ({"leaf": {"size": 1, "rate": 0}}, "f: leaf.rate: found 0; allowed: a number >= 0.5"),
        ({"leaf": {"size": 1, "rate": math.nan}}, "leaf.rate: found nan; allowed: a finite numb"),
        ({"leaf": {"size": 1, "kind": "tpu"}}, "leaf.kind: found 'tpu'; allowed: 'cpu' or 'gpu'"),
        ({"leaf": {"size": 1, "on": 1}}, "leaf.on: found 1; allowed: true or false"),
        ({"leaf": {"size": 1}, "leaves": 3}, "leaves: found 3; allowed: a list"),
        ({"leaf": {"size": 1}, "by_name": {"c": {}}}, "by_name.c: found 'c'; allowed: 'a' or 'b'"),
        ({"leaf": {"size": 1}, "name": "a b"}, "name: found 'a b'; allowed: up to 100 letters"),
        ({"leaf": {"size": 1}, "name": "x" * 99 + "\n"}, "allowed: up to 100 letters, digits"),
        ({"leaf": {"size": 1}, "name": "x" * 101}, "...; allowed: up to 100 letters, digits"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(data, Tree, "f")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"laef": {}}, "laef"),
        ({"leaf": {"size": 1, "sise": 1}}, "leaf.sise"),
        ({"leaf": {"size": 1}, "leaves": [{"size": 1}, {"sise": 1}]}, "leaves.1.sise"),
        ({"leaf": {"size": 1}, "spare": {"sise": 1}}, "spare.sise"),
        ({"leaf": {"size": 1}, "by_name": {"a": {"sise": 1}}}, "by_name.a.sise"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_one_of_its_place(
    data: object, key: str
) -> None:
    with pytest.raises(InputError, match="an unknown key") as error:
        parse(data, Tree, "f")
    assert error.value.key == key
    nearest = "leaf" if key == "laef" else "size"
    assert error.value.allowed.startswith(f"did you mean '{nearest}'? one of ")


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert choice("DYTYPE", ["dySequ", "dyType"]) == "did you mean 'dyType'? one of dySequ, dyType"
    assert choice("zzz", ["b", "a"]) == "one of a, b"


def test_a_word_of_thousands_of_characters_is_shortened() -> None:
    """Many words are not: they may be the names of what is missing."""
    error = InputError("--batch", "", "9" * 5000, "less")
    digits = "9" * 20
    assert str(error) == f"--batch: found {digits}…{digits} (5000 characters); allowed: less"
    names = ", ".join(f"criteo_dlrm-{i}" for i in range(200))
    assert names in str(InputError("w.yaml", "", names, "none"))


def test_every_error_can_cross_processes() -> None:
    """Pickled and made again it says the same, and has what it had."""
    one = InputError("w.yaml", "jobs.2.batch", 0, "a whole number > 0")
    other = InputError("w.yaml", "name", "", "a name")
    one.line, full = 7, errors.DiskFull(Path("a/b.pt"))
    full.answer = {"loss": 0.5}
    made = [one, all_of([one, other]), full, errors.PolicyFailed("its text", KeyError("x"))]
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    kinds = [kind for kind in kinds if issubclass(kind, Exception)]
    made += [kind("why\nand how") for kind in kinds if kind not in map(type, made)]
    assert len(made) == len(kinds)
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert str(vars(again)) == str(vars(error))
    text = "w.yaml: line 7: jobs.2.batch: found 0; allowed: a whole number > 0"
    assert str(one) == text
    assert [str(each) for each in each_error(made[1])] == [text, str(other)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E+3", 1000.0), ("2.5e3", 2500.0), ("-1e2", -100.0), ("1.e1", 10.0)],
)
def test_numbers_with_exponents_are_numbers(tmp_path: Path, text: str, value: float) -> None:
    (tmp_path / "a.yaml").write_text(f"key: {text}")
    assert load_yaml(tmp_path / "a.yaml", "file") == {"key": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4: found the key 'c' a second time"),
        ("a: {b: 1, 'b': 2}\n", "line 1: found the key 'b' a second time"),
        ("a: 1\n---\nb: 2\n", "expected a single document in the stream"),
        ("a: 2024-99-99\n", "found a value that cannot be read"),
        ("a: " + "9" * 5000, "found a value that cannot be read"),
        ("[" * 3000, "found a value that cannot be read"),
        ("? [a]\n: 3\n", "line 1: found text that is not YAML"),
        ("a: *nowhere", "found undefined alias"),
    ],
)
def test_yaml_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        load_yaml(tmp_path / "a.yaml", "file")
    assert message in str(error.value)


def test_merged_keys_of_yaml_may_be_overridden(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\n")
    data = load_yaml(tmp_path / "a.yaml", "file")
    assert data == {"a": {"x": 1, "y": 1}, "b": {"x": 2, "y": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b"', "line 2: found Expecting ':' delimiter (the file may be truncated)"),
        ("", "line 1: found Expecting value (the file may be truncated)"),
        ('{"a": 1, "a": 2}', "found the key 'a' a second time; allowed: every key once"),
        ('{"a": NaN}', "found NaN; allowed: finite numbers and null"),
        ('{"a": -Infinity}', "found -Infinity; allowed: finite numbers and null"),
        ("[" * 100_000, "found a value that cannot be read"),
        ('{"a": ' + "9" * 5000 + "}", "found a value that cannot be read"),
    ],
)
def test_json_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError) as error:
        load_json(tmp_path / "a.json", "file")
    assert message in str(error.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert load_json(tmp_path / "a.json", "file") == {"a": 1}
    assert load_yaml(tmp_path / "a.json", "file") == {"a": 1}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\ufeff", min_codepoint=32))
numbers_like = st.from_regex(r"[0-9]{1,3}(\.[0-9]?)?[eE][0-9]{1,3}", fullmatch=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    numbers_like,
    st.sampled_from(["yes", "1:30", "2024-01-01", "123456789e12", "null", "~", "0x1f", "<<"]),
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(texts | numbers_like, inner),
    max_leaves=8,
)


@given(data=trees)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    folder = tmp_path_factory.mktemp("files")
    write_json(folder / "a.json", data)
    write_yaml(folder / "a.yaml", data)
    assert load_json(folder / "a.json", "file") == data
    assert load_yaml(folder / "a.yaml", "file") == data
    assert yaml.safe_load((folder / "a.yaml").read_text(encoding="utf-8")) == data


@given(value=st.floats(min_value=0.5, allow_infinity=False))
def test_numbers_pass_the_boundary_exactly(value: float) -> None:
    assert parse({"size": 1, "rate": value}, Leaf, "f").rate == value


def test_non_finite_numbers_are_written_as_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": math.nan, "b": (math.inf, 1.5), 3: Path("x")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [None, 1.5], "3": "x"}


def test_what_no_encoding_has_is_written_as_an_escape(tmp_path: Path) -> None:
    """A file name that is no UTF-8, or an error's text, may hold half of a character."""
    write_json(tmp_path / "a.json", {"a": ["bad \udc80 text", "good é"], "b": Path("x\udcff")})
    found = load_json(tmp_path / "a.json", "file")
    assert found == {"a": ["bad \\udc80 text", "good é"], "b": "x\\udcff"}
    write_text(tmp_path / "a.txt", "half of it \ud800")
    assert (tmp_path / "a.txt").read_text() == "half of it \\ud800"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "a.json"
    write_text(path, "old")

    def full(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="no space"):
            write_text(path, "half of it")
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_onto_a_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_text(tmp_path / "a.json", "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_plain_is_dicts_lists_and_numbers() -> None:
    assert plain(Tree(Leaf(3), (Leaf(4, on=False),))) == {
        "leaf": {"size": 3, "rate": 1.0, "kind": "cpu", "on": True},
        "leaves": [{"size": 4, "rate": 1.0, "kind": "cpu", "on": False}],
        "spare": None,
        "by_name": None,
        "name": "x",
    }


def test_a_hash_is_the_same_in_every_process_and_on_every_machine() -> None:
    # blake2b of '{"a":[1,2.5,null],"b":"\\u00e9"}', computed apart from the code under test.
    value = {"b": "é", "a": (1, 2.5, None)}
    assert content_hash(value) == "558dcd49005253e3"
    assert content_hash(value, 8) == "558dcd49"
    assert content_hash({"a": [1, 2.5, None], "b": "é"}) == content_hash(value)
    assert content_hash({"a": [1, 2.5, 0], "b": "é"}) != content_hash(value)
