"""Closed queueing networks: exact answers, and jobs of the simulator that are customers of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from rmixer.scheduling.step_times import Member
from sim.demand.contention import HostDemand
from sim.demand.resident import Resident
from sim.demand.segments import Segment, StepSegments, two_clocks_s


@dataclass(frozen=True)
class Customer:
    """What one customer asks for in a round: ``think_s`` of a station where nobody waits,
    ``demands_s`` of each station that all share."""

    think_s: float
    demands_s: tuple[float, ...]

    @property
    def round_s(self) -> float:
        """A round alone."""
        return self.think_s + sum(self.demands_s)


def rounds_per_s(customers: Sequence[Customer]) -> list[float]:
    """The throughput of each customer of a closed network of processor-sharing stations, by exact
    mean value analysis for several classes (Reiser & Lavenberg, J. ACM 27(2), 1980)::

        R_ck(n) = D_ck (1 + Q_k(n - e_c)),  X_c(n) = n_c / (Z_c + sum_k R_ck(n)),
        Q_k(n)  = sum_c X_c(n) R_ck(n)

    Demands may differ by customer, for the stations share equally (Baskett, Chandy, Muntz &
    Palacios, J. ACM 22(2), 1975): their answer holds for any distribution of service, too.
    """
    classes = sorted(set(customers), key=lambda each: (each.think_s, each.demands_s))
    stations = range(len(customers[0].demands_s))

    @cache
    def solved(n: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Throughputs by class and queue lengths by station of the population ``n``."""
        queued, rates = [0.0 for _ in stations], [0.0 for _ in classes]
        for c, each in enumerate(classes):
            if not n[c]:
                continue
            before = solved((*n[:c], n[c] - 1, *n[c + 1 :]))[1]
            stays = [each.demands_s[k] * (1 + before[k]) for k in stations]
            rates[c] = n[c] / (each.think_s + sum(stays))
            for k in stations:
                queued[k] += rates[c] * stays[k]
        return tuple(rates), tuple(queued)

    count = tuple(customers.count(each) for each in classes)
    by_class = solved(count)[0]
    return [by_class[classes.index(each)] / count[classes.index(each)] for each in customers]


def as_job(customer: Customer, core: int) -> Resident:
    """A job that goes round: host work on a core of its own, then the GPU, then the link. It feels
    nothing of others on the host."""
    lanes = zip(("gpu", "link"), customer.demands_s, strict=False)
    segments = (
        Segment("cpu", customer.think_s),
        *(Segment(lane, 0.0, device_s=work_s, waits=True) for lane, work_s in lanes),
    )
    return job_of([segment for segment in segments if segment.host_s + segment.device_s > 0], core)


def job_of(segments: Sequence[Segment], core: int) -> Resident:
    """A training job on ``gpu:0`` whose step is ``segments``, on a core of its own."""
    step = StepSegments(tuple(segments), two_clocks_s(segments))
    demand = HostDemand((core,))
    steady = HostDemand((core,), load=min(1.0, step.host_s / step.solo_s))
    member = Member("job", "train", "gpu:0", (core,))
    return Resident(member, step, tuple(demand for _ in segments), steady)
