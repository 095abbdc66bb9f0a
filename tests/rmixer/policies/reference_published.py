"""Baselines and the policies of other systems once more, from their description."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fake_clock import FakeJob
from reference_books import Books, Choice, Rule, in_rounds

SCORE = {"low": 0, "memory": 1, "compute": 2}


def published_rule(name: str) -> Rule:
    """The rule of that name; CARMA's with a window after the colon, of 30 s by default."""
    name, _, window = name.partition(":window_s=")
    if name.startswith("carma"):
        return partial(_carma, which=name.removeprefix("carma_"), window_s=int(window or 30))
    if name.startswith("cognn_"):
        return _groups(name.removeprefix("cognn_"))
    return in_rounds(RULES[name]) if name in ("monolithic", "mps") else RULES[name]


def _sequential(books: Books) -> Choice:
    if not books.queue or not books.idle():
        return None
    job = books.queue[0]
    return next(((job, d, "") for d in books.devices if books.fits(job, d)), None)


def _monolithic(books: Books) -> Choice:
    for job in books.queue:
        for device in books.devices:
            if not books.inside[device] and books.fits(job, device):
                return job, device, ""
    return None


def _mps(books: Books) -> Choice:
    for device in books.devices:
        for job in books.queue:
            if books.able(job, device):
                return job, device, ""
    return None


def _all_at_once(books: Books) -> Choice:
    for job in books.queue:
        fitting = [device for device in books.devices if books.fits(job, device)]
        if fitting:
            return job, sorted(fitting, key=lambda d: len(books.inside[d]))[0], ""
    return None


def _groups(order: str) -> Rule:
    """CoGNN's. A group is filled in strict order; a job that does not go in opens the next one, on
    the next device; a barrier on the whole machine ends the groups."""
    filled = {"device": 0}

    def rule(books: Books) -> Choice:
        if books.idle():
            filled["device"] = 0
        if not books.queue:
            return None
        job = _next_in(order, books)
        while filled["device"] < len(books.devices):
            device = books.devices[filled["device"]]
            if books.fits_bare(job, device):
                return job, device, ""
            filled["device"] += 1
        return None

    return in_rounds(rule)


def _next_in(order: str, books: Books) -> FakeJob:
    if order == "base":
        return books.queue[0]
    line = sorted(books.queue, key=lambda j: j.mib("gpu:0" if "gpu" in j.kinds else "cpu:0"))
    started = len(books.arrived) - len(books.queue)
    return line[-1] if order == "bmc" and started % 2 else line[0]


def _own_devices(books: Books, job: FakeJob) -> list[str]:
    """GPUs; the CPU where there is none, or for a job that cannot run on one."""
    gpus = books.gpus() if "gpu" in job.kinds else []
    return gpus or (books.cpus() if "cpu" in job.kinds else [])


def _carma(books: Books, which: str, window_s: int) -> Choice:
    if not books.queue:
        return None
    job = books.queue[0]
    sent = {device: at for at, device in books.last_sent}
    devices = [device for device in _own_devices(books, job) if books.fits_bare(job, device)]
    for device in devices:
        if not books.inside[device]:
            return job, device, ""

    def free(device: str) -> int:
        return books.memory[device] - books.held[device]

    roomy = [
        device
        for device in devices
        if job.mib(device) + 2048 <= free(device) and books.now - sent[device] >= window_s
    ]
    if which == "rr":
        ring = books.devices * 2
        after = ring[ring.index(books.last_sent[-1][1]) + 1 :] if books.last_sent else ring
        return next(((job, device, "") for device in after if device in roomy), None)
    cool = [device for device in roomy if not _hot(books, device)]
    keys: dict[str, Callable[[str], float]] = {
        "ff": lambda device: 0,
        "bf": free,
        "magm": lambda device: -free(device),
        "lug": books.busy,
    }
    return (job, sorted(cool, key=keys[which])[0], "") if cool else None


def _hot(books: Books, device: str) -> bool:
    jobs = [run.job for run in books.runs(device)]
    occupied = sum(job.occupancy for job in jobs if job.occupancy is not None)
    streaming = sum(job.bandwidth for job in jobs if job.bandwidth is not None)
    return books.busy(device) >= 0.8 and (occupied >= 0.45 or streaming >= 0.4)


def _horus(books: Books) -> Choice:
    if not books.queue:
        return None
    job = books.queue[0]
    sums = {
        device: books.busy(device) + job.busy(device)
        for device in _own_devices(books, job)
        if books.fits(job, device)
    }
    within = [device for device, total in sums.items() if total <= 1]
    return (job, sorted(within, key=lambda device: sums[device])[0], "") if within else None


def _lucid(books: Books) -> Choice:
    if not books.queue:
        return None
    job = books.queue[0]
    ranks = []
    for place, device in enumerate(books.devices):
        runs = books.runs(device)
        score = SCORE[job.job_type] + sum(SCORE[run.job.job_type] for run in runs)
        able = device in _own_devices(books, job) and books.fits(job, device)
        if able and len(runs) < 2 and score <= 2:
            ranks.append((score, books.booked[device], place))
    return (job, books.devices[min(ranks)[2]], "") if ranks else None


RULES: dict[str, Rule] = {
    "sequential": _sequential,
    "monolithic": _monolithic,
    "mps": _mps,
    "all_at_once": _all_at_once,
    "horus": _horus,
    "lucid": _lucid,
}
