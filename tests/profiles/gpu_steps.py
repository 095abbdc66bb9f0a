"""Three marked steps on a GPU as the profiler's events, and the structure that they have.

Each is the step of ``gpu_trace`` after an input of 8 us: on the host's clock

    0-8 input, 10-40 to, 50-90 linear, 100-160 item, 180-185 empty, 205-225 mm, 310-330 add_

Of its 18 events on the host 15 lie inside operators; the two of the backward node come before
``mm`` and the optimizer's own before ``add_``.
"""

from __future__ import annotations

from pathlib import Path

from gpu_trace import MAIN, STEP_US, event, step, write_trace

from profiles.traces.chrome_trace import read_chrome_trace
from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.traces.trace_events import TraceEvent
from profiles.work.operator_formulas import OperatorWork

LINEAR, MM = OperatorWork(128, 168, 64), OperatorWork(64, 80, 32)
CALLS = [
    Called(INPUT_MARK, 0.0, phase="input"),
    Called("aten::to", 0.0, phase="copy"),
    Called("aten::linear", 0.0, phase="forward", module="top", operands="8x4 2x4 2", work=LINEAR),
    Called("aten::item", 0.0, phase="forward"),
    Called("aten::empty", 0.0, phase="forward"),
    Called("aten::mm", 0.0, phase="backward", module="top", forward_index=2, work=MM),
    Called("aten::add_", 0.0, phase="optimizer"),
]


def marked_steps(folder: Path, steps: int = 3, slower: float = 0.0) -> list[TraceEvent]:
    """The events of ``steps`` steps of a millisecond, and the mark that ends the last; its kernel
    ``bias`` takes ``slower`` us more in the last."""
    events = []
    for number in range(steps):
        at = 5000.0 + number * STEP_US
        events.append(event(INPUT_MARK, "user_annotation", at, at + 8.0, MAIN))
        found = step(number + 1, at, slower if number == steps - 1 else 0.0)
        events += [each for each in found if not each["name"].startswith("ProfilerStep")]
    end = 5000.0 + steps * STEP_US
    events.append(event(INPUT_MARK, "user_annotation", end, end + 1.0, MAIN))
    return list(read_chrome_trace(write_trace(folder / "steps.json", events)).events)
