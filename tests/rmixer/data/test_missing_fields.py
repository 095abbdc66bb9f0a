"""Fields that lines of raw files are without: in all of them, in most, in files cut anyhow."""

from __future__ import annotations

from pathlib import Path

import pytest
from criteo_text import line

from rmixer.data.alimama_lines import parse_ads, parse_behaviours, parse_profiles
from rmixer.data.making import Making
from rmixer.data.preparation import read_preparation
from rmixer.data.prepare import prepare
from rmixer.errors import InputError

ALL = dict.fromkeys(range(1, 14), 7), dict.fromkeys(range(1, 27), "68fd1e64")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))


def write(path: Path, without: dict[str, int], lines: int = 40) -> Path:
    """So many ``lines``, the last ones without a field each."""
    rows = []
    for place in range(lines):
        gone = {name for name, count in without.items() if place >= lines - count}
        dense = {field: value for field, value in ALL[0].items() if f"I{field}" not in gone}
        names = {field: value for field, value in ALL[1].items() if f"C{field}" not in gone}
        rows.append(line(place % 2, dense, names))
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["criteo_kaggle", "criteo_kaggle_fields"])
@pytest.mark.parametrize("field", ["I3", "C26"])
def test_a_field_that_all_lines_are_without_is_refused(
    tmp_path: Path, name: str, field: str
) -> None:
    path = write(tmp_path / "train.txt", {field: 40})
    with pytest.raises(InputError) as error:
        prepare(name, str(path))
    assert f"{path}: {field}: found missing in every line (40 lines)" in str(error.value)


@pytest.mark.parametrize("block_bytes", [1000, 1 << 20])
@pytest.mark.parametrize("name", ["criteo_kaggle", "criteo_kaggle_fields"])
def test_one_that_most_are_without_is_told_once(
    tmp_path: Path, name: str, block_bytes: int
) -> None:
    """29 of 40; exactly half is not most. I12 is missing in most lines of the public file."""
    path = write(tmp_path / "train.txt", {"C4": 29, "I5": 20, "I12": 39})
    told: list[str] = []
    how = Making(report=told.append, block_bytes=block_bytes, workers=1)
    folder = prepare(name, str(path), how)
    assert told == ["warning: train.txt: lines without C4: 72.5% of them"]
    counts = {count.name: count.found for count in read_preparation(folder).counts}
    assert counts["train.txt: lines without C4"] == 29


@pytest.mark.parametrize("lines", [1, 18])
def test_few_lines_tell_it_too(tmp_path: Path, lines: int) -> None:
    """But a few may all be without a field that most lines of the public file are without."""
    told: list[str] = []
    path = write(tmp_path / "train.txt", {"C4": lines}, lines)
    with pytest.raises(InputError, match=f"C4: found missing in every line \\({lines} lines"):
        prepare("criteo_kaggle", str(path), Making(report=told.append))
    write(path, {"C4": lines, "I12": lines + 1}, lines + 1)
    prepare("criteo_kaggle", str(path), Making(report=told.append))
    share = {1: [], 18: ["warning: train.txt: lines without C4: 94.7% of them"]}
    assert told == share[lines]


def test_missing_fields_of_advertisements() -> None:
    """Empty or NULL; 0 is a value of some fields of a profile."""
    ads = parse_ads([b"1,2,3,4,5,6.0", b"2,NULL,3,4,,NULL"])
    assert ads.missing == {"cate_id": 1, "campaign_id": 0, "customer": 0, "brand": 1}
    profiles = parse_profiles([b"1,0,0,2,0,,1,0,NULL", b"2,0,0,,0,NULL,1,0,3"])
    assert profiles.missing == {
        "final_gender_code": 1,
        "pvalue_level": 2,
        "shopping_level": 0,
        "new_user_class_level": 1,
    }
    behaviours = parse_behaviours([b"1,9,pv,5,NULL", b"1,9,buy,5,6", b"bad"])
    assert behaviours.missing == {"cate": 0, "brand": 1}
