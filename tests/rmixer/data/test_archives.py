"""Archives that are given as raw files, whatever they are called."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
from criteo_text import many_lines

from rmixer.data.archives import find_archive
from rmixer.data.making import Making
from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import prepare
from rmixer.errors import InputError

LINE = b"\t".join([b"1", *[b"5"] * 13, *[b"68fd1e64"] * 26]) + b"\n"


def tar_of(names: list[str], mode: str, content: bytes = LINE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zip_of(names: list[str], content: bytes = LINE) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


def many_bytes() -> bytes:
    return "".join(f"{row}\n" for row in many_lines(400)).encode()


ONE = {
    "zip": lambda content: zip_of(["folder/some.txt"], content),
    "tar": lambda content: tar_of(["some.txt"], "w", content),
    "tar.gz": lambda content: tar_of(["some.txt"], "w:gz", content),
    "gzip in zip": lambda content: zip_of(["some.txt.gz"], gzip.compress(content)),
    "gzip in tar.gz": lambda content: tar_of(["some.gz"], "w:gz", gzip.compress(content)),
}
DAC = ["dac/readme.txt", "dac/test.txt", "dac/train.txt"]
KINDS = {
    "zip": (zip_of(DAC), "a zip archive", "unzip"),
    "tar": (tar_of(DAC, "w"), "a tar archive", "tar -xf"),
    "gz": (tar_of(DAC, "w:gz"), "a tar archive within gzip", "tar -xzf"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dac.{}", "train.txt"])
def test_what_is_to_be_unpacked_is_named(tmp_path: Path, kind: str, name: str) -> None:
    """By what the data set reads, whatever the archive is called."""
    content, words, command = KINDS[kind]
    path = tmp_path / name.format(kind)
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        prepare("criteo_kaggle", str(path))
    assert f"{path}: found {words} ({', '.join(DAC)})" in str(error.value)
    assert f"unpack dac/train.txt (`{command} {path.name} dac/train.txt`)" in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_in_the_folder_of_the_raw_files(tmp_path: Path, kind: str) -> None:
    content, words, command = KINDS[kind]
    (tmp_path / "dac.bin").write_bytes(content)
    with pytest.raises(InputError) as error:
        prepare("criteo_kaggle", str(tmp_path))
    assert f"no file train.txt; dac.bin there is {words}" in str(error.value)
    assert f"`{command} dac.bin dac/train.txt`" in str(error.value)
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"train.txt: found {words}"):
        prepare("criteo_kaggle", str(tmp_path))


def test_a_data_set_of_several_files(tmp_path: Path) -> None:
    names = ["reviews_Electronics_5.json", "meta_Electronics.json.gz", "other.csv"]
    (tmp_path / "amazon.zip").write_bytes(zip_of(names))
    with pytest.raises(InputError, match=f"unpack {names[0]}, {names[1]} "):
        prepare("amazon_electronics", str(tmp_path / "amazon.zip"))


def test_each_file_in_an_archive_of_its_own(tmp_path: Path) -> None:
    reviews, meta = "reviews_Electronics_5.json", "meta_Electronics.json"
    (tmp_path / "1.zip").write_bytes(zip_of([reviews, "readme"]))
    (tmp_path / "other.zip").write_bytes(zip_of(["other.csv"]))
    (tmp_path / f"{meta}.bz2").write_bytes(bz2.compress(LINE))
    with pytest.raises(InputError) as error:
        prepare("amazon_electronics", str(tmp_path))
    assert f"1.zip there is a zip archive ({reviews}, readme): " in str(error.value)
    assert f"unpack {reviews} (`unzip 1.zip {reviews}`); {meta}.bz2 there is" in str(error.value)
    assert "other.zip" not in str(error.value)
    (tmp_path / meta).write_bytes(LINE)
    (tmp_path / f"{meta}.bz2").unlink()
    with pytest.raises(InputError, match=r"1\.zip there is"):
        prepare("amazon_electronics", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zip_of([]), "a zip archive without files"),
        (tar_of([], "w"), "a file of zeros, as an empty"),
    ],
)
def test_an_empty_archive(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"train.txt: found {words}"):
        prepare("criteo_kaggle", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bz2.compress(LINE), "bzip2"),
        (lzma.compress(LINE), "xz"),
        (b"\x28\xb5\x2f\xfd" + LINE, "zstd"),
        (b"7z\xbc\xaf\x27\x1c" + LINE, "7z"),
    ],
)
def test_other_ways_to_compress(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"found a file compressed by {kind}; allowed: a file as"):
        prepare("criteo_kaggle", str(path))


@pytest.mark.parametrize(
    "content", [LINE, gzip.compress(LINE, mtime=0), b"", b"PK\n", b"\x1f\x8b", b"BZh91"]
)
def test_what_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    assert find_archive(tmp_path / "train.txt") is None


def test_one_file_within_gzip_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    (tmp_path / "train.txt").write_bytes(gzip.compress(LINE * 30))
    assert prepare("criteo_kaggle", str(tmp_path / "train.txt")).is_dir()


@pytest.mark.parametrize("kind", ONE)
def test_the_only_file_of_an_archive_is_read_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In blocks, by other processes, and nothing is unpacked to the disk."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    plain, packed = tmp_path / "plain.txt", tmp_path / "train.txt"
    plain.write_bytes(many_bytes())
    packed.write_bytes(ONE[kind](many_bytes()))
    how = Making(workers=2, block_bytes=5000)
    found = [prepare("criteo_kaggle_fields", str(path), how) for path in (plain, packed)]
    names = sorted(path.name for path in found[0].glob("*.npy"))
    assert names
    for name in names:
        assert (found[1] / name).read_bytes() == (found[0] / name).read_bytes()
    report = read_preparation(found[1])
    assert (report.lines, report.bytes_read) == (400, packed.stat().st_size)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_damaged_archive_of_one_file(tmp_path: Path, kind: str) -> None:
    content = bytearray(ONE[kind](many_bytes()))
    for place in range(len(content) // 2, len(content) // 2 + 50):
        content[place] ^= 0xFF
    (tmp_path / "train.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"train\.txt"):
        prepare("criteo_kaggle", str(tmp_path / "train.txt"))


def test_a_second_file_that_shows_only_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rmixer.data.archives._MOST_READ_BYTES", 100)
    (tmp_path / "train.txt").write_bytes(tar_of(["a.txt", "b.txt"], "w:gz", many_bytes()))
    with pytest.raises(InputError, match="found an archive of several files; allowed: one of one"):
        prepare("criteo_kaggle", str(tmp_path / "train.txt"))
