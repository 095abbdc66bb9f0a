"""Profiles of schema versions 2 and 3, as earlier releases wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from specimens import FINGERPRINT, IDENTITY, MEASUREMENT, PROFILE, STEP

from profiles.stored.rekeying import rekey_profile
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import plain
from rmixer.model_profile.profile_files import is_former, read_profile, write_profile

STEP_2: dict[str, Any] = {
    "device": "cpu",
    "threads": 1,
    "mean_us": 1000.5,
    "p10_us": 950.0,
    "p50_us": 990.0,
    "p90_us": 1100.0,
    "n": 200,
    "stalls": 1,
    "stall_us": 12.5,
    "half_width": 0.012,
    "repeatability": 0.02,
    "rounds": 6,
    "dropped_rounds": 1,
    "closure": {"cpu": -0.02},
    "scale": {"cpu": 1.02},
    "profiler_event_us": 0.8,
    "compute_slowdown": [1.01, 1.02, 1.05],
    "stream_slowdown": [1.1, 1.3, 1.7],
    "pressure": 0.4,
    "build_s": 0.5,
    "warmup_s": 0.1,
    "evaluate_s": 0.2,
    "save_s": 0.3,
    "sensitivity": [
        {"work": "stream", "cores": 1, "duty": 1.0, "slowdown": 1.1, "device": "cpu"},
    ],
    "core_us": None,
    "gpu_us": None,
    "leftover": {"cpu": {"clipped_us": 1.0, "profiler_us": -20.5, "noise_us": 12.0}},
    "exchange_us": 0.0,
    "apart_us": 0.0,
    "waited": 0.01,
}
SUMMARY_2: dict[str, Any] = {
    "schema_version": 2,
    "identity": plain(IDENTITY),
    "machine": "example",
    "origin": "measured",
    "steps": [STEP_2],
    "memory": [
        {
            "device": "cpu",
            "parameter_bytes": 100,
            "gradient_bytes": 100,
            "optimizer_bytes": 200,
            "activation_bytes": 50,
            "context_bytes": 1000,
            "peak_bytes": 1450,
        }
    ],
    "startup_s": 1.5,
    "warmup_steps": 10,
    "flops": 67108864,
    "bytes": 3072,
    "intensity": 21845.3,
    "bandwidth_gbps": 3.07,
    "utilisation": {"cpu": 0.75},
    "job_type": {"cpu": "compute"},
    "probe_s": 0.05,
    "fingerprint": plain(FINGERPRINT),
    "input": [
        {
            "epoch": "warm",
            "batches": 10,
            "wait_us": 50.0,
            "core_us": 40.0,
            "batch_bytes": 2048,
            "storage_bytes": 512,
        }
    ],
    "predicted_from": [],
    "does_not_fit": [],
    "checksum": "6723aee3e646114f",  # as the release that wrote version 2 computed it
}
TABLE = """\
index,phase,module,operator,forward_index,shapes,flops,read_bytes,written_bytes,lane,threads,\
p10_us,p50_us,p90_us,mean_us,gap_before_us,host_us
0,forward,top.0,aten::addmm,-1,"[[256, 512], ""a,b""]",67108864,1024,2048,cpu,1,\
90.125,100.0,120.5,101.25,0.0,0.0
"""
SAME = replace(
    PROFILE,
    steps=(replace(STEP, measurement=replace(MEASUREMENT, waited=0.01)),),
)
"""What the specimen says, less what nothing ever read."""


def _summary_3() -> dict[str, Any]:
    """As version 3 said the same: what was measured in one object, and no figures without a
    reader."""
    nested = ("n", "stalls", "half_width", "repeatability", "rounds", "dropped_rounds", "closure")
    apart = (*nested, "waited", "sensitivity")
    dropped = (*apart, "profiler_event_us", "leftover")
    step = {name: value for name, value in STEP_2.items() if name not in dropped}
    step["measurement"] = {name: STEP_2[name] for name in apart}
    (cost,) = SUMMARY_2["input"]
    input_3 = [{name: value for name, value in cost.items() if name != "storage_bytes"}]
    return {**SUMMARY_2, "schema_version": 3, "steps": [step], "input": input_3}


SUMMARY_3 = {**_summary_3(), "checksum": "b5bc740774aa03b0"}


@pytest.fixture(params=[SUMMARY_2, SUMMARY_3], ids=["version 2", "version 3"])
def former(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "summary.json").write_text(json.dumps(request.param, indent=1))
    (tmp_path / "operators.csv").write_text(TABLE)
    return tmp_path


def test_it_is_read_as_the_same_profile(former: Path) -> None:
    assert read_profile(former) == SAME


def test_it_is_written_in_the_present_version(former: Path) -> None:
    write_profile(former, read_profile(former))
    data = json.loads((former / "summary.json").read_text())
    assert data["schema_version"] == 4
    assert "half_width" not in data["steps"][0]
    assert data["steps"][0]["measurement"]["half_width"] == 0.012
    assert read_profile(former) == SAME


def test_it_is_found_in_a_store_and_filed_under_another_hash_of_its_code(former: Path) -> None:
    place = former / "example" / IDENTITY.key
    place.mkdir(parents=True)
    for name in ("summary.json", "operators.csv"):
        (former / name).rename(place / name)
    store = Store(former, former / "none")
    assert store.find("example", IDENTITY.key) == SAME
    later = replace(IDENTITY, source="f" * 16)
    moved = rekey_profile(place, later.source)
    assert moved.name == later.key
    assert store.find("example", later.key) == replace(SAME, identity=later)


def _edited_summary(folder: Path) -> None:
    path = folder / "summary.json"
    path.write_text(path.read_text().replace('"half_width": 0.012', '"half_width": 0.001'))


def _edited_table(folder: Path) -> None:
    path = folder / "operators.csv"
    path.write_text(path.read_text().replace("101.25", "101.5"))


@pytest.mark.parametrize("edit", [_edited_summary, _edited_table])
def test_one_that_was_edited_is_refused(former: Path, edit: Callable[[Path], None]) -> None:
    edit(former)
    with pytest.raises(InputError, match="checksum: found one that its files do not have"):
        read_profile(former)


def test_an_earlier_version_yet_is_none_that_can_be_upgraded() -> None:
    assert is_former(SUMMARY_2)
    for other in ({**SUMMARY_2, "schema_version": 1}, {"steps": []}, [SUMMARY_2], None):
        assert not is_former(other)
