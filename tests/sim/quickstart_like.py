"""Three made-up models that differ in step time, operators, phases and memory."""

from __future__ import annotations

import random

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.testing.made_up import GIB, by_key, make_operator, make_profile, make_step

MODELS = {"criteo_dlrm": 20_000.0, "criteo_deepfm": 9_000.0, "amazon_din": 3_000.0}


def profiles(
    gpu: bool = False, peak_bytes: int = GIB, *, cpu: bool | None = None
) -> dict[str, ModelProfile]:
    """Their profiles by key, drawn with a fixed seed; on a CPU with one thread and with two, or
    on a GPU with one, or on both."""
    draw = random.Random(7)
    made = []
    for number, (model, mean_us) in enumerate(MODELS.items(), start=1):
        phases = {"build_s": 0.2, "warmup_s": 0.15, "evaluate_s": 0.1, "save_s": 0.05 * number}
        curves = {"compute_slowdown": (1.05,), "stream_slowdown": (1.4 + 0.2 * number,)}
        one = make_step(mean_us=mean_us, pressure=0.3 * number, **curves, **phases)
        two = make_step(threads=2, mean_us=mean_us * 0.6, **phases)
        steps, operators = [one, two], []
        for threads in (1, 2):
            for _ in range(60):
                moved, gap_us = draw.randrange(10**6), draw.uniform(0, 10)
                operators.append(
                    make_operator(draw.uniform(5, 200), moved, gap_us, threads=threads)
                )
        if gpu:
            on_gpu = make_step("gpu", mean_us=mean_us / 4, pressure=0.1, **curves, **phases)
            steps = [one, two, on_gpu] if cpu else [on_gpu]
            operators = [
                make_operator(draw.uniform(5, 40), lane="gpu", host_us=draw.uniform(5, 40))
                for _ in range(60)
            ]
        made.append(
            make_profile(
                model,
                steps,
                operators,
                peak_bytes=number * peak_bytes,
                warmup_steps=5,
                job_type=("compute", "memory", "low")[number - 1],
            )
        )
    return by_key(*made)
