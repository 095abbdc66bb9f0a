"""Mixes drawn by hypothesis: made-up models that share cores, GPUs and links."""

from __future__ import annotations

from hypothesis import strategies as st

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.step_times import Member
from rmixer.testing.made_up import by_key, make_machine, make_operator, make_profile, make_step
from sim.demand.resident import Resident, Residents

CORES = 4
MACHINE = make_machine(CORES, gpus=2)

micros = st.floats(5.0, 400.0)
slowdowns = st.lists(st.floats(1.0, 2.0), min_size=CORES - 1, max_size=CORES - 1).map(tuple)


@st.composite
def profiles(draw: st.DrawFn, model: str) -> ModelProfile:
    """Steps on both devices, a hundredth as long for some."""
    factor = draw(st.sampled_from([1.0, 1.0, 0.3, 0.01]))
    curves = {
        "compute_slowdown": draw(slowdowns),
        "stream_slowdown": draw(slowdowns),
        "pressure": draw(st.floats(0.0, 1.2)),
        "build_s": 1.0,
    }
    host = [
        make_operator(draw(micros) * factor, draw(st.integers(0, 1000)))
        for _ in range(draw(st.integers(1, 4)))
    ]
    kernels = [
        make_operator(
            draw(micros) * factor,
            lane=draw(st.sampled_from(["gpu", "gpu", "link"])),
            phase=draw(st.sampled_from(["forward", "input"])),
            host_us=draw(micros) * factor,
        )
        for _ in range(draw(st.integers(1, 5)))
    ]
    kernels.append(make_operator(draw(micros) * factor, lane="gpu", host_us=1.0))
    steps = [
        make_step(device, mean_us=draw(micros) * 10 * factor, **curves) for device in ("cpu", "gpu")
    ]
    return make_profile(model, steps, [*host, *kernels])


@st.composite
def mixes(draw: st.DrawFn) -> list[Resident]:
    known = [draw(profiles(model)) for model in ("criteo_dlrm", "amazon_din", "criteo_dcn")]
    residents = Residents(by_key(*known), MACHINE)
    members = [
        Member(
            draw(st.sampled_from(known)).key,
            "train" if index == 0 else draw(st.sampled_from(["train", "train", "build"])),
            draw(st.sampled_from(["cpu:0", "gpu:0", "gpu:0", "gpu:1"])),
            (draw(st.integers(0, CORES - 1)),),
        )
        for index in range(draw(st.integers(2, 5)))
    ]
    return [residents.resident(member) for member in members]
