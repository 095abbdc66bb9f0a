"""``rmixer policies``: every policy in a line, on a narrow terminal too, and as data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call
from rich.console import Console

from rmixer.cli.policies import listing
from rmixer.policies import POLICIES, every_policy, make_policy
from rmixer.policies.described import device_rules, job_rules, summary


def printed(width: int) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        for part in listing(job_rules()):
            console.print(part)
    return capture.get()


def test_80_columns_lose_nothing() -> None:
    text = printed(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    words = " ".join(text.split())
    for name, kind in POLICIES.items():
        assert f" {name} {summary(kind)}" in words
        assert kind.source in text
    for name, rule in device_rules().items():
        assert f" {name} {rule}" in words


def test_settings_are_shown_with_their_defaults() -> None:
    text = printed(100)
    assert "settings: beta=4.0" in text
    assert "CARMA (2025), all with window_s=30.0, extra_mib=2048" in text
    assert "device rules, for dySequ, dyRand, dyMemo, dyArin, dyType, static, cognn" in text


def test_every_policy_has_a_line_and_a_source() -> None:
    for policy in job_rules():
        assert 20 <= len(policy.rule) <= 120, policy.name
        assert policy.rule.endswith(".")
        assert policy.rule.count(". ") == 0
        assert policy.source


def test_json_has_every_full_name(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "policies", "--json")
    assert ended.code == 0
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert list(rows) == list(every_policy())
    assert rows["dyMix"]["settings"] == {"beta": 4.0}
    assert rows["dyType@dyArin"]["needs"] == ["job_type", "peak_bytes", "utilisation"]
    assert rows["dyType@dySequ"]["needs"] == ["job_type", "peak_bytes"]
    assert rows["dyType@dySequ"]["source"] == "RMixer (TPDS 2024)"
    for name in rows:
        make_policy(name)


def test_installed_policies_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is fine, one that cannot be imported, and one that has the name of ours."""
    (tmp_path / "listed_rules.py").write_text(
        "from rmixer.policies.baselines.lpt import Lpt\n"
        "class Mine(Lpt):\n"
        "  '''The longest first. And more.'''\n"
        "  name = 'mine'\n"
        "  def __init__(self, seed=0, k=3):\n"
        "    super().__init__(seed)\n"
    )
    info = tmp_path / "listed_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: listed-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[rmixer.policies]\nmine = listed_rules:Mine\nlpt = listed_rules:Mine\n"
        "gone = no_such_rules:Gone\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ended = call(capsys, "policies")
    assert (ended.code, ended.err) == (0, "")
    assert "mine         The longest first.\n" in ended.out.replace("  \n", "\n").replace(
        " \n", "\n"
    )
    assert "settings: k=3" in ended.out
    assert "gone         Cannot be loaded: 'no_such_rules:Gone': no module" in ended.out
    rows = json.loads(call(capsys, "policies", "--json").out)
    assert [row["name"] for row in rows[-2:]] == ["gone", "mine"]
    assert sum(row["name"] == "lpt" for row in rows) == 1
