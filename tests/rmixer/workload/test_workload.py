"""Workload files: defaults, names, seeds, and every way to get one wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.workload.job_entry import NOT_YET
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload


def read(folder: Path, text: str) -> Workload:
    path = folder / "queue.yaml"
    path.write_text(text, encoding="utf-8")
    return read_workload(path)


def refused(folder: Path, text: str) -> InputError:
    with pytest.raises(InputError) as error:
        read(folder, text)
    assert str(error.value).startswith(f"{folder / 'queue.yaml'}: ")
    return error.value


def job(keys: str) -> str:
    """The second job of a workload."""
    return f"jobs:\n  - {{model: amazon_din, steps: 5}}\n  - {{{keys}}}\n"


def test_a_job_takes_its_defaults_from_the_model(tmp_path: Path) -> None:
    workload = read(tmp_path, "jobs: [{model: amazon_din, steps: 5}]")
    (only,) = workload.jobs
    assert (workload.name, workload.seed) == ("queue", 0)
    assert (only.id, only.steps, only.batch, only.optimizer) == ("amazon_din-0", 5, 32, "sgd")
    assert (only.lr, only.seed, only.arrival_s, only.data) == (0.85, 0, 0.0, "synthetic")
    assert only.entry.title == "DIN"


def test_what_the_file_says_wins(tmp_path: Path) -> None:
    keys = "model: criteo_dlrm, steps: 7, batch: 64, optimizer: adagrad, lr: 1e-2, seed: 9"
    workload = read(tmp_path, f"name: mine\nseed: 3\n{job(keys + ', arrival_s: 10, id: me')}")
    mine = workload.jobs[1]
    assert (mine.batch, mine.optimizer, mine.lr, mine.seed) == (64, "adagrad", 0.01, 9)
    assert (workload.name, mine.arrival_s, mine.id) == ("mine", 10.0, "me")


def test_copies_are_numbered_across_entries_and_have_seeds_of_their_own(tmp_path: Path) -> None:
    text = """
    seed: 100
    jobs:
      - {model: criteo_dlrm, steps: 1, count: 2}
      - {model: amazon_din, steps: 1}
      - {model: criteo_dlrm, steps: 1, count: 2, seed: 7}
      - {model: amazon_din, steps: 1, count: 2, id: mine}
    """
    workload = read(tmp_path, text)
    assert [(job.id, job.seed) for job in workload.jobs] == [
        ("criteo_dlrm-0", 100),
        ("criteo_dlrm-1", 101),
        ("amazon_din-0", 102),
        ("criteo_dlrm-2", 7),
        ("criteo_dlrm-3", 8),
        ("mine-0", 105),
        ("mine-1", 106),
    ]


def test_a_default_name_makes_way_for_one_that_was_given(tmp_path: Path) -> None:
    workload = read(
        tmp_path,
        "jobs:\n  - {model: amazon_din, steps: 1, id: amazon_din-0}\n"
        "  - {model: amazon_din, steps: 1}\n",
    )
    assert [job.id for job in workload.jobs] == ["amazon_din-0", "amazon_din-1"]


def test_the_hash_does_not_depend_on_where_the_file_lies_but_on_what_it_says(
    tmp_path: Path,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    text = job("model: criteo_dlrm, steps: 5")
    here, there = read(tmp_path, text), read(tmp_path / "elsewhere", text)
    spelled_out = job("steps: 5, model: criteo_dlrm, batch: 256, count: 1")
    assert here.hash == there.hash == read(tmp_path, spelled_out).hash
    assert here.hash != read(tmp_path, job("model: criteo_dlrm, steps: 6")).hash


def test_a_key_of_a_later_release_leaves_the_hash_at_its_default(tmp_path: Path) -> None:
    """Written down: schedules that hold this hash stay valid."""
    text = "name: q\njobs: [{model: amazon_din, steps: 5}]"
    before = read(tmp_path, text).hash
    assert before == "63bb365f035e97cc"
    assert read(tmp_path, text.replace("5}", "5, on_nan: stop}")).hash == before
    assert read(tmp_path, text.replace("5}", "5, on_nan: go_on}")).hash != before


def test_data_is_looked_up_beside_the_workload(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("")
    keys = "model: criteo_dlrm, steps: 5, data: train.txt"
    assert read(tmp_path, job(keys)).jobs[1].data == str(tmp_path / "train.txt")


def test_data_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "train.txt").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    keys = "model: criteo_dlrm, steps: 5, data: ~/train.txt"
    assert read(tmp_path, job(keys)).jobs[1].data == str(tmp_path / "home" / "train.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file; allowed: a workload with a list of jobs"),
        ("# nothing but a comment\n", "found an empty file"),
        ("- a\n", "found ['a']; allowed: a mapping with a list of jobs"),
        ("hello", "found 'hello'; allowed: a mapping with a list of jobs"),
        ("jobs: [a\nb: {", "line 2: found text that is not YAML"),
        ("jobs:\n\t- a\n", "line 2: found text that is not YAML"),
        ("jobs: !!python/object/apply:os.getcwd []\n", "line 1: found text that is not YAML"),
        ("seed: 1\nseed: 2\n", "line 2: found the key 'seed' a second time; allowed: every key"),
        ("jobs: \x07\n", "line 1: found the character '\\x07'"),
        ("name: x\n", "jobs: found nothing; allowed: a value (this key is required)"),
        ("jobs:\n", "jobs: found null; allowed: a list"),
        ("jobs: []\n", "jobs: found []; allowed: a list of 1 or more"),
        ("jobs: {model: a}\n", "jobs: found {'model': 'a'}; allowed: a list"),
        ("jobs: [criteo_dlrm]\n", "jobs.0: found 'criteo_dlrm'; allowed: a mapping"),
        ("jobs: [null]\n", "jobs.0: found null; allowed: a mapping of keys to values"),
        ("Jobs: []\n", "Jobs: found an unknown key with value []; allowed: did you mean 'jobs'?"),
        ("job list: []\n", "job list: found an unknown key"),
        ("jobs: &a [*a]\n", "found a value that is not plain"),
    ],
)
def test_a_file_that_is_no_workload(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(refused(tmp_path, text))


@pytest.mark.parametrize(
    ("keys", "key", "found", "allowed"),
    [
        ("steps: 5", "jobs.1.model", "nothing", "one of alidisplay_dmr, .*required"),
        ("model: criteo_dlrm", "jobs.1.steps", "nothing", "a whole number > 0 .*required"),
        ("model: criteo_dlm, steps: 5", "jobs.1.model", "'criteo_dlm'", "mean 'criteo_dlrm'"),
        ("model: Criteo_DLRM, steps: 5", "jobs.1.model", "'Criteo_DLRM'", "mean 'criteo_dlrm'"),
        ("model: resnet, steps: 5", "jobs.1.model", "'resnet'", "^one of alidisplay_dmr, "),
        ("model: 3, steps: 5", "jobs.1.model", "3", "text"),
        ("model: 'a.b:build', steps: 5", "jobs.1.model", "no module 'a.b'", "a/b.py on PYTHONPATH"),
    ],
)
def test_a_model_or_steps_that_are_wrong(
    tmp_path: Path, keys: str, key: str, found: str, allowed: str
) -> None:
    error = refused(tmp_path, job(keys))
    assert (error.key, error.found) == (key, found)
    assert re.search(allowed, error.allowed)


@pytest.mark.parametrize("key", ["count", "steps", "batch", "rows_cap"])
@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("0", "a whole number > 0"),
        ("-3", "a whole number > 0"),
        ("1.5", "a whole number"),
        ("2.0", "a whole number"),
        ("1e3", "a whole number"),
        ("true", "a whole number"),
        ("'3'", "a whole number"),
        (".inf", "a whole number"),
        (".nan", "a whole number"),
        ("[1]", "a whole number"),
        ("1" + "0" * 30, "a whole number <= "),
    ],
)
def test_a_number_of_things_is_a_whole_number_above_zero(
    tmp_path: Path, key: str, value: str, allowed: str
) -> None:
    others = "".join(f", {name}: 5" for name in ["steps"] if name != key)
    error = refused(tmp_path, job(f"model: criteo_dlrm, {key}: {value}{others}"))
    assert error.key == f"jobs.1.{key}"
    assert error.allowed.startswith(allowed)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("lr", "0", "a number > 0"),
        ("lr", "-0.1", "a number > 0"),
        ("lr", ".inf", "a finite number"),
        ("lr", ".nan", "a finite number"),
        ("lr", "1.0e+400", "a finite number"),
        ("lr", "true", "a number"),
        ("lr", "fast", "a number"),
        ("arrival_s", "-1", "a number >= 0"),
        ("arrival_s", ".nan", "a finite number"),
        ("arrival_s", "2024-01-01", "a number"),
        ("seed", "-1", "a whole number >= 0"),
        ("seed", "0.5", "a whole number"),
        ("seed", "4294967296", "a whole number <= 4294967295"),
        ("id", "a/b", "up to 100 letters, digits and . _ -, the first a letter or a digit"),
        ("id", "../x", "up to 100 letters, digits and . _ -, the first a letter or a digit"),
        ("id", '"a\\n"', "up to 100 letters, digits and . _ -, the first a letter or a digit"),
        ("id", "7", "text (put it in quotes)"),
        ("data", "''", "text that is not empty"),
        ("data", "nowhere", "'synthetic' or the path of the data set's raw files"),
        ("data", '"a\\0b"', "'synthetic' or the path of the data set's raw files"),
        ("optimizer", "adamax", "did you mean 'adam'? one of adagrad, adam, adamw, "),
        ("on_nan", "go on", "did you mean 'go_on'? one of go_on, stop"),
        ("precision", "fp16", "did you mean 'bf16'? one of bf16, fp32"),
        ("batchs", "3", "did you mean 'batch'? one of arrival_s, batch, betas, command, count, "),
    ],
)
def test_other_keys_of_a_job(tmp_path: Path, key: str, value: str, allowed: str) -> None:
    error = refused(tmp_path, job(f"model: criteo_dlrm, steps: 5, {key}: {value}"))
    assert error.key == f"jobs.1.{key}"
    assert error.allowed.startswith(allowed)


@pytest.mark.parametrize("key", NOT_YET)
@pytest.mark.parametrize("value", ["3", "null", "{a: b}"])
def test_a_key_that_is_not_supported_yet_is_refused_by_name(
    tmp_path: Path, key: str, value: str
) -> None:
    error = refused(tmp_path, job(f"model: criteo_dlrm, steps: 5, {key}: {value}"))
    assert error.key == f"jobs.1.{key}"
    assert f"{key!r} is part of the schema, but not supported so far" in error.allowed


def test_the_schema_of_the_later_releases_is_known() -> None:
    later = "after search"
    assert set(NOT_YET) == set(later.split())


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (", id: a", ", id: a", "'a'"),
        (", count: 2", ", id: criteo_dlrm-1", "'criteo_dlrm-1'"),
        (", id: a-1", ", id: a, count: 2", "'a-1'"),
    ],
)
def test_an_id_given_twice(tmp_path: Path, first: str, second: str, found: str) -> None:
    entries = "".join(f"  - {{model: criteo_dlrm, steps: 1{keys}}}\n" for keys in (first, second))
    error = refused(tmp_path, f"jobs:\n{entries}")
    assert (error.key, error.found) == ("jobs.1.id", found)
    assert "jobs.0 has it already" in error.allowed


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml: found no such file; allowed: an existing"):
        read_workload(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="found a folder; allowed: a workload file"):
        read_workload(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="found bytes that are not UTF-8 text"):
        read_workload(tmp_path / "binary.yaml")
    with pytest.raises(InputError, match="Not a directory"):
        read_workload(tmp_path / "binary.yaml" / "queue.yaml")


def test_how_soon_a_job_should_be_done(tmp_path: Path) -> None:
    """Keys of every kind of job."""
    (tmp_path / "train.py").write_text("")
    path = tmp_path / "w.yaml"
    wishes = "deadline_s: 60, weight: 2.5, priority: -3"
    path.write_text(
        f"jobs:\n  - {{model: criteo_dlrm, steps: 5, {wishes}}}\n"
        f"  - {{command: python train.py, steps: 5, {wishes}}}\n  - {{model: rm1, steps: 5}}\n"
    )
    found = [(job.deadline_s, job.weight, job.priority) for job in read_workload(path).jobs]
    assert found == [(60.0, 2.5, -3), (60.0, 2.5, -3), (None, 1.0, 0)]


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("deadline_s", "0", "a number > 0"),
        ("weight", "-1", "a number > 0"),
        ("priority", "high", "a whole number"),
        ("priority", "1001", "a whole number <= 1000"),
    ],
)
def test_wishes_that_are_none(tmp_path: Path, key: str, value: str, allowed: str) -> None:
    error = refused(tmp_path, job(f"model: criteo_dlrm, steps: 5, {key}: {value}"))
    assert error.key == f"jobs.1.{key}"
    assert error.allowed.startswith(allowed)
