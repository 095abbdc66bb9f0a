"""Prepared once, whole or not at all, whoever asks and however many at once."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numbers_data
import numpy as np
import psutil
import pytest
from numbers_data import KILL_AT, PARSED, Numbers, numbers, write_numbers

from rmixer.data.array_writer import ArrayWriter
from rmixer.data.arrays import Chunks
from rmixer.data.block_pool import BlockPool
from rmixer.data.making import Making
from rmixer.data.malformed import Limits
from rmixer.data.preparation import prepared_folders, read_preparation
from rmixer.data.prepare import (
    data_code,
    decisive_sources,
    open_dataset,
    prepare,
    prepared_folder,
)
from rmixer.data.raw_blocks import raw_blocks
from rmixer.data.registry import DATASETS, SYNTHETIC, dataset_entry
from rmixer.data.unfinished import finish, making
from rmixer.errors import InputError, RunFailed
from rmixer.user_code.former_sources import former_sources

SMALL_BLOCKS = Making(workers=2, block_bytes=3000)
LINES = 3000
SETTINGS: dict[str, dict[str, bool | float]] = {
    "numbers": {},
    "doubled": {"doubled": True},
    "slow": {"pause_s": 0.05},
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    for name, settings in SETTINGS.items():
        monkeypatch.setitem(DATASETS, name, numbers(name, **settings))
    return tmp_path / "home" / "data"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_numbers(tmp_path / "numbers.txt", LINES)
    return tmp_path / "numbers.txt"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that gets a line for each block that is parsed."""
    monkeypatch.setenv(PARSED, str(tmp_path / "parsed"))
    return tmp_path / "parsed"


def column(folder: Path, name: str) -> list[int]:
    values: list[int] = np.load(folder / f"{name}.npy").tolist()
    return values


EXPECTED = [number * number % 1_000_003 for number in range(LINES)]


def test_made_once_and_found_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare("numbers", SYNTHETIC)
    monkeypatch.setattr(Numbers, "twin", failing_twin)
    assert prepare("numbers", SYNTHETIC) == first
    assert open_dataset("numbers", SYNTHETIC).values["label"].tolist() == [0, 1, 1]


def test_many_at_once(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: prepare("numbers", SYNTHETIC), range(8)))
    (folder,) = folders
    assert [path.name for path in home.iterdir()] == [folder.name]
    assert open_dataset("numbers", SYNTHETIC).rows == 3


def test_a_folder_that_another_process_renames_meanwhile_is_no_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``mkdir(exist_ok=True)`` raises where what existed is gone when it looks what it is."""
    mkdir, left = Path.mkdir, [1, 2]

    def racing(path: Path, *arguments: Any, **options: Any) -> None:
        if left and path.name.endswith(".unfinished"):
            left.pop()
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", racing)
    (folder,) = (prepare("numbers", SYNTHETIC), *home.iterdir())[1:]
    assert not left
    assert folder.name.startswith("numbers-")


def failing_twin(self: Numbers) -> Chunks:
    yield {"value": np.array([5]), "label": np.array([1])}
    raise RuntimeError("the power went")


def test_half_made_is_not_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Numbers, "twin", failing_twin)
        with pytest.raises(RuntimeError, match="the power went"):
            prepare("numbers", SYNTHETIC)
    assert list(home.iterdir()) == []
    assert open_dataset("numbers", SYNTHETIC).rows == 3


def test_a_home_that_cannot_be_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"RMIXER_HOME.*a folder that can be written"):
        prepare("numbers", SYNTHETIC)


@pytest.mark.parametrize(("name", "factor"), [("numbers", 1), ("doubled", 2)])
def test_parallel_is_as_sequential(home: Path, raw: Path, name: str, factor: int) -> None:
    parallel = prepare(name, str(raw), SMALL_BLOCKS)
    assert column(parallel, "value") == [factor * value for value in EXPECTED]
    assert column(parallel, "label") == [number % 2 for number in range(LINES)]
    files = {path.name: path.read_bytes() for path in parallel.glob("*.npy")}
    parallel.rename(parallel.with_name("away"))
    sequential = prepare(name, str(raw))
    assert {path.name: path.read_bytes() for path in sequential.glob("*.npy")} == files


def call_in_a_process(name: str, raw: Path, before: str = "", **environment: str) -> str:
    """A program that prepares in small blocks, as another process."""
    code = (
        "from pathlib import Path; import numbers_data; from rmixer.data import registry, prepare\n"
        "from rmixer.data import array_writer; from rmixer.data.making import Making\n"
        f"registry.DATASETS[{name!r}] = numbers_data.numbers({name!r}, **{SETTINGS[name]})\n"
        f"{before}\n"
        f"prepare.prepare({name!r}, {str(raw)!r}, Making(workers=2, block_bytes=3000))\n"
    )
    place = str(Path(numbers_data.__file__).parent)
    path = os.pathsep.join([place, *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return f"{ended.returncode}\n{ended.stderr}"


@pytest.mark.parametrize(
    ("name", "checkpoint_bytes", "packed"),
    [
        ("numbers", 1, False),
        ("numbers", 1, True),
        ("numbers", 1 << 20, True),
        ("doubled", 1, False),
    ],
)
def test_killed_in_the_middle_it_goes_on(
    home: Path,
    raw: Path,
    name: str,
    checkpoint_bytes: int,
    packed: bool,
    parsed: Path,
) -> None:
    """Whatever has reached the columns or only the kept blocks by then, nothing is parsed twice
    and the arrays are those of an undisturbed call."""
    if packed:
        raw.write_bytes(gzip.compress(raw.read_bytes()))
    small = f"array_writer._CHECKPOINT_BYTES = {checkpoint_bytes}"
    ended = call_in_a_process(name, raw, small, **{KILL_AT: "5"})
    assert ended.startswith(f"-{signal.SIGKILL}\n"), ended
    assert [found.state for found in prepared_folders(home)] == ["unfinished"]
    folder = prepare(name, str(raw), SMALL_BLOCKS)
    factor = 2 if name == "doubled" else 1
    assert column(folder, "value") == [factor * value for value in EXPECTED]
    assert read_preparation(folder).resumed
    names = parsed.read_bytes().split()
    # Two blocks may have been on their way when the process died.
    blocks = len(list(raw_blocks(raw, 3000)))
    assert len(set(names)) == blocks
    assert len(names) <= blocks + 2
    assert [path.name for path in home.iterdir()] == [folder.name]
    left = {path.name for path in folder.iterdir()}
    assert left == {"value.npy", "label.npy", "arrays.json", "preparation.json"}


def test_a_torn_block_is_parsed_again(home: Path, raw: Path) -> None:
    call_in_a_process("doubled", raw, **{KILL_AT: "5"})
    (unfinished,) = home.iterdir()
    (unfinished / "blocks" / "0-0").write_bytes(b"\0" * 500)
    (unfinished / "blocks" / "0-1").write_bytes(b"")
    folder = prepare("doubled", str(raw), SMALL_BLOCKS)
    assert column(folder, "value") == [2 * value for value in EXPECTED]


def test_two_processes_at_once_make_it_once(home: Path, raw: Path, parsed: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda _: call_in_a_process("numbers", raw), range(2)))
    assert ended == ["0\n", "0\n"]
    (folder,) = home.iterdir()
    assert column(folder, "value") == EXPECTED
    names = parsed.read_bytes().split()
    assert len(names) == len(set(names))


@contextlib.contextmanager
def interrupting(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar at whose third move somebody presses Ctrl-C."""
    moves = 0

    def move(done: int, total: int) -> None:
        nonlocal moves
        moves += 1
        if moves == 3:
            raise KeyboardInterrupt

    yield move


def test_who_waits_says_so(home: Path) -> None:
    """A second caller, while the first one holds the data set."""
    said: list[str] = []
    first = making(home / "some-data", said.append)
    with ThreadPoolExecutor(1) as pool:
        with first as unfinished:
            assert unfinished is not None
            second = pool.submit(lambda: making(home / "some-data", said.append).__enter__())
            while not said:
                time.sleep(0.001)
            assert [found.state for found in prepared_folders(home)] == ["being made"]
            finish(unfinished, home / "some-data")
        assert second.result(timeout=60) is None
    assert said == ["waiting for another process that makes some-data"]


def test_editing_the_engine_keeps_what_is_prepared() -> None:
    """The name of a data set's folder depends on what its own module imports."""
    engine = {"prepare", "making", "raw_reader", "array_writer", "block_pool", "kept_blocks"}
    for entry in DATASETS.values():
        module = entry.reader.partition(":")[0]
        found = {path.stem for path in decisive_sources(entry.reader)}
        assert module.rpartition(".")[2] in found
        assert not found & engine
    assert {"criteo_lines", "hashing", "planted", "zipf"} <= {
        path.stem for path in decisive_sources(DATASETS["criteo_kaggle"].reader)
    }


def test_former_codes_lead_to_those_of_today() -> None:
    """But for Amazon's: they took metadata of 2018 for metadata without categories."""
    codes = {name: data_code(entry.reader) for name, entry in DATASETS.items()}
    del codes["amazon_electronics"]
    assert set(former_sources()["data"].values()) == set(codes.values())


def test_what_was_made_under_a_former_hash_of_the_code_is_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With other code than the table says it is made anew."""
    folder = prepare("numbers", SYNTHETIC)
    code = data_code(dataset_entry("numbers").reader)
    monkeypatch.setattr("rmixer.data.prepare.data_code", lambda reader: "now")
    monkeypatch.setattr("rmixer.user_code.former_sources.former_sources", lambda: {"data": {}})
    other = prepared_folder("numbers", SYNTHETIC)
    assert other != folder
    table = {"data": {code: "now"}}
    monkeypatch.setattr("rmixer.user_code.former_sources.former_sources", lambda: table)
    assert prepare("numbers", SYNTHETIC) == other
    assert [path.name for path in home.iterdir()] == [other.name]


def test_an_interruption_ends_the_workers(home: Path, raw: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare("slow", str(raw), replace(SMALL_BLOCKS, bar=interrupting))
    commands = [child.cmdline() for child in psutil.Process().children()]
    assert not [command for command in commands if "rmixer.data.block_worker" in command]
    assert [found.state for found in prepared_folders(home)] == ["unfinished"]
    folder = prepare("slow", str(raw), SMALL_BLOCKS)
    assert column(folder, "value") == EXPECTED


def test_only_a_window_of_blocks_is_under_way(home: Path, raw: Path, parsed: Path) -> None:
    """When a block is used, no more than the window's have been parsed beyond it."""
    ahead = []

    @contextlib.contextmanager
    def bar(title: str) -> Iterator[Callable[[int, int], None]]:
        used = iter(range(1_000_000))
        yield lambda done, total: ahead.append(len(parsed.read_bytes().split()) - next(used))

    prepare("numbers", str(raw), replace(SMALL_BLOCKS, bar=bar))
    assert len(ahead) == -(-raw.stat().st_size // 3000)
    assert max(ahead) <= BlockPool(SMALL_BLOCKS.workers or 0).window


def test_a_full_disk_loses_nothing(home: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ArrayWriter, "finish", full)
        with pytest.raises(RunFailed, match=r"disk of .* is full; what was read is kept"):
            prepare("doubled", str(raw), SMALL_BLOCKS)
    assert column(prepare("doubled", str(raw), SMALL_BLOCKS), "value")[1] == 2


def test_an_error_of_a_worker_is_told(
    home: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PARSED, "/no/such/folder/file")
    with pytest.raises(InputError, match="no/such/folder"):
        prepare("numbers", str(raw), SMALL_BLOCKS)


def test_what_was_found_is_reported(home: Path, raw: Path) -> None:
    with raw.open("ab") as file:
        file.write(b"bad\n7,1\n")
    report = read_preparation(prepare("numbers", str(raw), SMALL_BLOCKS))
    assert (report.rows, report.train_rows, report.lines) == (LINES + 1, LINES, LINES + 2)
    assert (report.malformed, report.first_malformed[0].line) == (1, LINES + 1)
    assert [(count.found, count.known) for count in report.counts] == [(LINES + 1, 100)]
    assert report.sources[0].size_bytes == report.bytes_read == raw.stat().st_size
    assert report.data == str(raw)
    assert not report.resumed


def test_what_cannot_be_resumed_is_removed(home: Path, raw: Path) -> None:
    """A raw file that has changed leaves no unfinished folder of its former self."""
    with pytest.raises(KeyboardInterrupt):
        prepare("numbers", str(raw), replace(SMALL_BLOCKS, bar=interrupting))
    write_numbers(raw, 2000)
    folder = prepare("numbers", str(raw), SMALL_BLOCKS)
    assert [path.name for path in home.iterdir()] == [folder.name]
    assert column(folder, "value") == EXPECTED[:2000]


def test_limits_hold_for_what_is_there(home: Path, raw: Path) -> None:
    with raw.open("ab") as file:
        file.write(b"bad\n7,1\n")
    folder = prepare("numbers", str(raw))
    with pytest.raises(InputError, match=rf"line {LINES + 1}: .*--strict"):
        prepare("numbers", str(raw), Making(Limits(strict=True)))
    assert prepare("numbers", str(raw), Making(Limits(0.01))) == folder
