"""What an event is where torch does not say so: against a trace of a real GPU, which has it in
writing (``traces/criteo_dlrm_h100.json.gz``: three steps of criteo_dlrm, torch 2.11, H100)."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.device_steps import device_steps
from profiles.traces.trace_events import CATEGORIES, category_of

TRACE = Path(__file__).parent / "criteo_dlrm_h100.json.gz"
ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset", "gpu_user_annotation")


@dataclass(frozen=True)
class OlderEvent:
    """As torch 2.11 has it: without a category."""

    said: str
    on_gpu: bool
    is_annotation: bool

    def name(self) -> str:
        return self.said

    def device_type(self) -> Any:
        return SimpleNamespace(name="CUDA" if self.on_gpu else "CPU")

    def is_user_annotation(self) -> bool:
        return self.is_annotation


def written_events() -> list[dict[str, Any]]:
    with gzip.open(TRACE, "rt") as file:
        return [e for e in json.load(file)["traceEvents"] if e.get("ph") == "X"]


def older(category: str, name: str) -> OlderEvent:
    return OlderEvent(name, category in ON_GPU, "user_annotation" in category)


def test_names_tell_what_the_trace_has_in_writing() -> None:
    categories = set()
    for event in written_events():
        if event["cat"] == "Trace":
            continue
        found = category_of(older(event["cat"], event["name"]))
        assert found == (event["cat"] if event["cat"] in CATEGORIES else ""), event["name"]
        categories.add(event["cat"])
    assert categories > {"cuda_driver", "gpu_memset", "gpu_user_annotation", "overhead"}


def test_names_tell_what_this_torch_says_by_itself() -> None:
    layer = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    with (
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as observed,
        record_function("mine"),
    ):
        layer(torch.ones(3, 4)).sum().backward()
        optimizer.step()
    for event in observed.profiler.kineto_results.events():
        told = older("user_annotation" if event.is_user_annotation() else "", event.name())
        named = category_of(event)
        assert category_of(told) == (named if named in CATEGORIES else ""), event.name()


def test_a_device_that_waits_does_no_work() -> None:
    for name in ("Context Sync", "Stream Wait Event", "Event Sync", "Stream Synchronize"):
        assert category_of(OlderEvent(name, True, False)) == ""
    assert category_of(OlderEvent("sync_kernel(int)", True, False)) == "kernel"


def test_steps_of_a_real_gpu_close_on_every_lane() -> None:
    """On the lane of the GPU, on the link and by the host's clock the three steps are as long as
    from the first mark to the last."""
    events = list(read_chrome_trace(TRACE).events)
    marks = sorted(e.start_ns for e in events if e.name == "rmixer::input")
    steps = device_steps(events)
    lanes = [lane for _, lane in steps["rows"]]
    times = steps["times"]
    own = [lane == "cpu" for lane in lanes]
    host_us = (
        sum(times[name].sum() for name in ("host", "t1", "wait")) + times["busy"][:, own].sum()
    )
    whole_us = (marks[-1] - marks[0]) / 1e3
    assert len(marks) == 4
    assert abs(host_us / whole_us - 1) < 0.01
    gpu = [lane == "gpu" for lane in lanes]
    gpu_us = (times["busy"] + times["gap_before"])[:, gpu].sum()
    assert abs(gpu_us / whole_us - 1) < 0.02
    assert set(lanes) == {"cpu", "gpu", "link"}
