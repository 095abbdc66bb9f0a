"""Steps played by two clocks, with a profiler that costs the host time and without one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from profiles.assembling.gpu_operator_times import merge_device
from profiles.traces.device_steps import device_steps
from profiles.traces.profiler_events import INPUT_MARK, Called
from profiles.traces.trace_events import TraceEvent

KERNELS, GAP_US, LAUNCH_US = 40, 1.0, 4.0


@dataclass
class Played:
    """A host and a GPU. Each event costs the host ``cost_us``, half of it inside the event and a
    quarter on each side. A kernel begins when it was launched and the one before it has ended."""

    cost_us: float
    kernel_us: float
    host_us: float = 100.0
    free_us: float = 0.0
    events: list[TraceEvent] = field(default_factory=list)
    launched: int = 0

    def begin(self) -> float:
        self.host_us += self.cost_us / 4
        start_us = self.host_us
        self.host_us += self.cost_us / 4
        return start_us

    def end(self, name: str, category: str, start_us: float, correlation: int = -1) -> None:
        self.host_us += self.cost_us / 4
        self.event(name, category, start_us, self.host_us, "host", correlation)
        self.host_us += self.cost_us / 4

    def event(
        self, name: str, category: str, start: float, end: float, thread: str, correlation: int
    ) -> None:
        start_ns, end_ns = round(start * 1e3), round(end * 1e3)
        device = 0 if thread == "gpu" else -1
        self.events.append(
            TraceEvent(
                name, category, start_ns, end_ns - start_ns, thread, correlation, device=device
            )
        )

    def mark(self) -> float:
        """The input, a moment's work; when it began."""
        start_us = self.begin()
        self.host_us += 2.0
        self.end(INPUT_MARK, "user_annotation", start_us)
        return start_us

    def operator(self) -> None:
        """Twelve microseconds of the host, of which four launch a kernel."""
        start_us = self.begin()
        self.host_us += 5.0
        call_us = self.begin()
        self.launched += 1
        self.host_us += LAUNCH_US
        begin_us = max(self.free_us + GAP_US, self.host_us)
        self.free_us = begin_us + self.kernel_us
        self.event("kernel", "kernel", begin_us, self.free_us, "gpu", self.launched)
        self.end("cudaLaunchKernel", "cuda_runtime", call_us, self.launched)
        self.host_us += 3.0
        self.end("aten::mul", "cpu_op", start_us)

    def wait(self) -> None:
        """For all kernels."""
        start_us = self.begin()
        self.host_us = max(self.host_us, self.free_us)
        self.end("cudaDeviceSynchronize", "cuda_runtime", start_us, 0)

    def steps(self, count: int) -> float:
        """Microseconds of a step, of ``count`` after a first."""
        starts = []
        for _ in range(count + 1):
            starts.append(self.mark())
            for _ in range(KERNELS):
                self.operator()
            self.wait()
        starts.append(self.mark())
        return (starts[-1] - starts[1]) / count


@pytest.mark.parametrize("kernel_us", [3.0, 11.0, 13.0, 60.0])
def test_both_clocks_close_whichever_is_the_slower(kernel_us: float) -> None:
    """Of about 500 us that the host needs the profiler makes over 200 us more. Of a GPU that is
    slower than the host it makes nothing, and of one that becomes the faster by it a part."""
    alone_us = Played(0.0, kernel_us).steps(3)
    profiled = Played(2.5, kernel_us)
    seen_us = profiled.steps(3)
    found = device_steps(profiled.events, skipped=1)
    calls = [Called(INPUT_MARK, 0.0, phase="input")]
    calls += [Called("aten::mul", 0.0, phase="forward") for _ in range(KERNELS)]
    lanes_us = merge_device(calls, [found], 2.5, 1).lanes_us
    if kernel_us < 13:
        assert seen_us > 1.3 * alone_us
    for lane in ("cpu", "gpu"):
        assert lanes_us[lane] == pytest.approx(alone_us, rel=0.02)
