"""Gavel (OSDI'20): a linear program over jobs and kinds of devices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView

PRECISION = 6


class Gavel(Policy):
    """Maximum total throughput: a job goes to the kind of device where its share is largest.

    A linear program gives every job that has not ended a share of its time on each kind. It
    maximises the sum of steps a second alone times shares; a job's shares sum to at most 1, those
    on a kind to at most its slots. The largest share goes first.
    """

    name = "gavel"
    source = "Gavel (OSDI'20)"

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        if not view.queued or not any(device.free_slots for device in view.devices.values()):
            return ()
        jobs = [job for job in view.jobs.values() if job.state in ("queued", "running")]
        found = _places(view, jobs)
        places = {job.id: place for job, place in zip(jobs, found, strict=True)}
        for job in sorted(view.waiting(), key=lambda job: -places[job.id][1]):
            kind = places[job.id][0]
            able = [d for d in view.devices.values() if d.kind == kind and d.fits(job)]
            if able:
                device = min(able, key=lambda device: len(device.residents))
                return (Dispatch(job.id, (device.name,)),)
        return ()


def _places(view: ClusterView, jobs: Sequence[JobView]) -> list[tuple[str, float]]:
    """For each of ``jobs`` the kind of its largest share, and the share. A job without shares goes
    where it is fastest."""
    by_kind: dict[str, list[DeviceView]] = {}
    for device in view.devices.values():
        by_kind.setdefault(device.kind, []).append(device)
    rates = tuple(tuple(_rate(job, on[0]) for on in by_kind.values()) for job in jobs)
    shares = _shares(rates, tuple(sum(device.slots for device in on) for on in by_kind.values()))
    names = list(by_kind)

    def best(job: int) -> int:
        kinds = range(len(names))
        return max(kinds, key=lambda kind: (shares[job, kind], rates[job][kind], -kind))

    chosen = [best(job) for job in range(len(jobs))]
    return [(names[kind], float(shares[job, kind])) for job, kind in enumerate(chosen)]


@lru_cache(maxsize=64)
def _shares(of_jobs: tuple[tuple[float, ...], ...], slots: tuple[int, ...]) -> NDArray[np.float64]:
    """The shares of jobs with these rates, by kind. They are remembered, because the start of a job
    changes neither."""
    from scipy.optimize import linprog  # here: it takes a while to import

    rates = np.array(of_jobs)
    count, kinds = rates.shape
    one_job = np.kron(np.eye(count), np.ones(kinds))
    one_kind = np.tile(np.eye(kinds), count)
    solved = linprog(
        -rates.ravel(),
        A_ub=np.vstack([one_job, one_kind]),
        b_ub=[1.0] * count + [float(each) for each in slots],
        bounds=[(0.0, 1.0 if rate else 0.0) for rate in rates.ravel()],
        method="highs",
    )
    shares: NDArray[np.float64] = np.round(solved.x.reshape(count, kinds), PRECISION)
    return shares


def _rate(job: JobView, device: DeviceView) -> float:
    """Steps a second alone; 0 if the job cannot run there."""
    cost = job.costs.get(device.kind)
    return 1.0 / cost.step_s[device.threads] if cost else 0.0
