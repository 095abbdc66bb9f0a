"""The example of a user's own policy: checked, and run by the commands of its page."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from calling import call
from fake_clock import machine, slots

from rmixer.policies import ClusterView, DeviceCost, DeviceView, Dispatch, JobView, Policy
from rmixer.scheduling.cluster import Cluster
from rmixer.testing import check_policy
from rmixer.workload.workload import Job

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "experiments" / "examples" / "own_policy"
PAGE = (ROOT / "docs" / "how-to" / "own_policy.md").read_text(encoding="utf-8")
NAME = "my_policies:ShortestFirst"


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.chdir(EXAMPLE)


def starts(capsys: pytest.CaptureFixture[str], policy: str, out: Path) -> dict[str, float]:
    """When each job starts on one slot of a recorded GPU."""
    options = ("--machine", "h100-16c", "--gpu-slots", 1, "--set", "steps_scale=0.1", "--json")
    ended = call(capsys, "simulate", "workload.yaml", "--policy", policy, *options, "--out", out)
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert {job["device"] for job in summary["jobs"]} == {"gpu:0"}
    return {job["id"]: job["start_s"] for job in summary["jobs"]}


def test_short_jobs_go_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """100 steps of criteo_dcn take less time than 200 of criteo_dlrm; amazon_din comes at 10 s,
    when all others have started."""
    start_s = starts(capsys, NAME, tmp_path / "out")
    in_order = sorted(start_s, key=lambda job: start_s[job])
    assert [job.rpartition("-")[0] for job in in_order] == [
        *["criteo_dcn"] * 3,
        *["criteo_dlrm"] * 3,
        *["amazon_din"] * 3,
    ]


def test_it_passes_the_check() -> None:
    from my_policies import ShortestFirst

    assert check_policy(ShortestFirst).warnings == ()
    check_policy(ShortestFirst, {"ageing": 0.0}, runs=10)


@pytest.mark.parametrize(("ageing", "first"), [(0.0, "short"), (1.5, "short"), (2.5, "long")])
def test_who_waits_counts_as_shorter(ageing: float, first: str) -> None:
    """At 10 s one job of 20 s has waited for 10 s, one of 2 s not at all: 20 - 10 x ageing is below
    2 from an ageing of 1.8 on."""
    from my_policies import ShortestFirst

    cluster = Cluster(machine(), slots(cpu0=1))
    for name, steps, arrival_s in (("long", 200, 0.0), ("short", 20, 10.0)):
        job = Job(name, "made_up", steps, 32, "sgd", 0.1, 0, arrival_s=arrival_s)
        cluster.submit(job, name, {"cpu": DeviceCost(1 << 20, 0.5, "low", {1: 0.1})})
    (booking,) = cluster.decide(ShortestFirst(ageing=ageing), 10.0)
    assert booking.job == first


def test_the_page_shows_the_example_as_it_is() -> None:
    for name in ("my_policies.py", "workload.yaml"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in PAGE


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("in the view", ClusterView),
        ("in a job (`JobView`)", JobView),
        ("in a device (`DeviceView`)", DeviceView),
        ("in a dispatch", Dispatch),
        ("in the class", Policy),
    ],
)
def test_the_page_names_nothing_that_is_not_there(table: str, kind: type) -> None:
    rows = PAGE.partition(f"| {table} | meaning |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows
    known = {*dir(kind), *kind.__annotations__}
    for row in rows:
        names = re.findall(r"`(\w+)", row.split("|")[1])
        named = {name for name in names if not row.startswith("| `costs[")}
        assert named <= known
