"""A bubble on a GPU: another process that keeps a chosen share of it busy, controlled by commands.

Its *compute* kernel has a block for each multiprocessor asked for, each a product of narrow
matrices that stay in its caches; its *stream* copies arrays that no cache holds, and pauses in
between for the share of bandwidth asked for. It uses plain torch operations, so torch's library of
matrix products decides the number of blocks: about the number asked for. If processes take turns on
the GPU (without MPS), a share of multiprocessors takes all of them while it runs.
"""

from __future__ import annotations

import time
from types import TracebackType

from profiles.machines.bubble import ANSWER_WITHIN_S, Work
from profiles.machines.tasks import GPU_BUBBLE
from rmixer.errors import RunFailed
from rmixer.training.process import WorkerProcess
from rmixer.training.worker import Channel

TILE, INNER = 128, 4096
STREAM_BYTES = 256 << 20
SHARES = (0.25, 0.5, 1.0)


def gpu_bubble(channel: Channel, device: str) -> None:
    """The worker's task: answers ``run`` (``work``, ``count`` of multiprocessors, ``duty``, the
    share of the time in which to work, ``seconds``) with the rate of units a second, until ``end``.
    """
    import torch

    source = torch.ones(STREAM_BYTES // 4, device=device)
    target = torch.zeros_like(source)
    while (message := channel.receive())["kind"] != "end":
        left = torch.ones(message["count"], TILE, INNER, device=device)
        right, out = left.mT.contiguous(), left.new_empty(message["count"], TILE, TILE)
        units, rest = 0, 1.0 / message["duty"] - 1.0
        start_s = time.perf_counter()
        end_s = start_s + message["seconds"]
        while (now_s := time.perf_counter()) < end_s:
            if message["work"] == "compute":
                torch.bmm(left, right, out=out)
            else:
                target.copy_(source)
            torch.cuda.synchronize(device)
            units += 1
            if rest:
                time.sleep(rest * (time.perf_counter() - now_s))
        channel.send("ran", rate=units / (now_s - start_s))


class GpuBubble:
    """One such process on ``device``, its host thread pinned to ``core``; idle until told to run.
    It has the interface of bubbles on cores, with ``multiprocessors`` as its count."""

    def __init__(self, device: str, multiprocessors: int, core: int) -> None:
        self._multiprocessors = multiprocessors
        self._worker = WorkerProcess((core,))
        try:
            self._worker.start(GPU_BUBBLE, device=device)
            self.start("compute", 0.05, multiprocessors, 1.0)  # brings its context up
            self.rates(1)
        except BaseException:
            self.close()
            raise

    def levels(self) -> list[tuple[Work, int, float]]:
        """The loads tried next to a job: shares of the multiprocessors that compute, and shares of
        the bandwidth."""
        return gpu_levels(self._multiprocessors)

    def start(self, work: Work, seconds: float, count: int, duty: float) -> None:
        """Starts it on ``count`` multiprocessors for a share ``duty`` of the time."""
        self._worker.send("run", work=work, seconds=seconds, count=count, duty=duty)

    def rates(self, count: int) -> list[float]:
        """Units a second, as of one bubble. If it fails or does not answer, it is ended."""
        try:
            return [float(self._worker.expect("ran", ANSWER_WITHIN_S)["rate"])]
        except RunFailed as failure:
            self.close()
            raise RunFailed(f"the neighbour on the GPU failed: {failure.reason}") from None

    @property
    def has_ended(self) -> bool:
        """True if the process has ended."""
        return self._worker.has_ended

    def close(self) -> None:
        """End the process."""
        self._worker.kill()

    def __enter__(self) -> GpuBubble:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def gpu_levels(multiprocessors: int) -> list[tuple[Work, int, float]]:
    """(work, multiprocessors, share of the time) of a sweep: a quarter, half and all of them
    compute; all of them stream for a quarter, half and all of the time."""
    counts = sorted({max(1, round(share * multiprocessors)) for share in SHARES})
    computing: list[tuple[Work, int, float]] = [("compute", count, 1.0) for count in counts]
    return [*computing, *(("stream", multiprocessors, share) for share in SHARES)]
