"""Parts of a check: one that fails costs no other, and what does not fit the time is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.gpu_check.parts import WENT_THROUGH, NotVerified, Parts
from rmixer.errors import RunFailed


def raising(error: Exception) -> str:
    raise error


def told(folder: Path) -> list[tuple[str, str, str]]:
    whole = json.loads((folder / "verified.json").read_text())
    return [(each["name"], each["state"], each["told"]) for each in whole["parts"]]


def test_each_tells_for_itself(tmp_path: Path) -> None:
    parts = Parts(tmp_path, 60.0, "A title")
    parts.versions = {"torch": "2.11.0"}
    parts.do("sees", 1, lambda: "all of it")
    parts.do("cannot tell", 1, lambda: raising(NotVerified("no machine")))
    assert not parts.failed
    parts.do("Breaks, badly", 1, lambda: raising(ValueError("of no use")))
    parts.do("stops", 1, lambda: raising(RunFailed("the first line\nand more")))
    parts.do("is long", 61, lambda: "never")
    parts.do("goes on", 0, lambda: "to the end")
    assert parts.failed
    assert told(tmp_path)[:4] == [
        ("sees", "verified", "all of it"),
        ("cannot tell", "not verified", "no machine"),
        ("Breaks, badly", "failed", "ValueError: of no use (failures/breaks-badly.txt)"),
        ("stops", "failed", "the first line (failures/stops.txt)"),
    ]
    name, state, why = told(tmp_path)[4]
    assert (name, state) == ("is long", "not verified")
    assert why.startswith("left out: it takes about 61 s, of the time ")
    assert "ValueError: of no use" in (tmp_path / "failures" / "breaks-badly.txt").read_text()
    text = (tmp_path / "verified.txt").read_text()
    assert text.startswith("A title\n")
    assert "torch: 2.11.0\n" in text
    verified, _, rest = text.partition("Failed:")
    assert "- sees: all of it\n- goes on: to the end\n" in verified
    assert "- stops: the first line" in rest.partition("Not verified:")[0]


def test_on_stand_ins_nothing_is_called_verified(tmp_path: Path) -> None:
    parts = Parts(tmp_path, 60.0, "A title", WENT_THROUGH)
    parts.do("sees", 1, lambda: "all of it")
    assert told(tmp_path) == [("sees", "went through", "all of it")]
    assert "nothing of it is verified on a GPU:\n- sees: all of it" in parts.text
    assert "Verified" not in parts.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_who_ends_it_ends_it(error: BaseException, tmp_path: Path) -> None:
    parts = Parts(tmp_path, 60.0, "A title")

    def ended() -> str:
        raise error

    with pytest.raises(type(error)):
        parts.do("is ended", 1, ended)
