"""RMixer's 29 pairs once more, written from their description and not from the code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from fake_clock import FakeJob
from reference_books import Books, Choice, Rule, in_rounds

RANK = {"compute": 2, "memory": 1, "low": 0}
ROUNDS = ("static", "cognn")


def rmixer_rule(name: str, random_order: Sequence[str] = ()) -> Rule:
    """The rule ``job@device``; ``random_order`` is the order that ``dyRand`` drew."""
    if name.startswith("dyMix"):
        _, _, beta = name.partition("beta=")
        return partial(_dy_mix, beta=float(beta or 4))
    job, _, device = name.partition("@")
    rule = partial(_pair, job=job, device_of=DEVICE_RULES[device], random_order=random_order)
    return in_rounds(rule) if job in ROUNDS else rule


def _pair(
    books: Books,
    job: str,
    device_of: Callable[[Books], str | None],
    random_order: Sequence[str],
) -> Choice:
    named = device_of(books)
    # No other device is tried, but on an idle machine, where the jobs would wait for ever.
    tried = [named] + ([each for each in books.devices if each != named] if books.idle() else [])
    for device in tried:
        if device is not None and (found := _pick(books, job, device, random_order)):
            return found
    return None


def _pick(books: Books, job: str, device: str, random_order: Sequence[str]) -> Choice:
    fitting = [each for each in books.queue if books.fits(each, device)]
    if not fitting:
        return None

    def largest_first(key: Callable[[FakeJob], object]) -> list[FakeJob]:
        return sorted(fitting, key=key, reverse=True)  # type: ignore[arg-type]

    if job == "dySequ":
        line = largest_first(lambda each: (RANK[each.job_type], each.mib(device)))
        return line[0], device, ""
    if job == "dyRand":
        return min(fitting, key=lambda each: random_order.index(each.id)), device, ""
    if job in ("dyType", "static"):
        return _of_another_type(books, device, largest_first(lambda each: each.mib(device)))
    measure = FakeJob.busy if job == "dyArin" else FakeJob.mib  # dyArin, dyMemo and cognn
    line = largest_first(lambda each: measure(each, device))
    tags = [run.tag for run in books.runs(device)]
    if tags.count("large") <= tags.count("small"):
        return line[0], device, "large"
    return line[-1], device, "small"


def _of_another_type(books: Books, device: str, line: Sequence[FakeJob]) -> Choice:
    types = [run.job.job_type for run in books.runs(device)]
    most = max(types.count(kind) for kind in RANK)
    common = next(kind for kind in RANK if types.count(kind) == most)
    other = [each for each in line if each.job_type != common]
    return [*other, *line][0], device, ""


def _first_free(books: Books) -> str | None:
    return next((device for device in books.devices if books.has_slot(device)), None)


def _fewest_running(books: Books) -> str | None:
    free = [d for d in books.gpus() if books.has_slot(d)]
    free = free or [d for d in books.cpus() if books.has_slot(d)]
    return sorted(free, key=lambda d: len(books.inside[d]))[0] if free else None


def _least_busy(books: Books) -> str | None:
    """Whether it has a free slot or not."""
    return sorted(books.gpus() or books.cpus(), key=books.busy)[0]


def _most_free_memory(books: Books) -> str | None:
    free = [d for d in books.gpus() if books.has_slot(d)]
    free = free or [d for d in books.cpus() if books.has_slot(d)]
    room = {d: books.memory[d] - books.booked[d] for d in free}
    return sorted(free, key=lambda d: -room[d])[0] if free else None


DEVICE_RULES = {
    "dySequ": _first_free,
    "dyWork": _fewest_running,
    "dyArin": _least_busy,
    "dyMemo": _most_free_memory,
}


def _dy_mix(books: Books, beta: float) -> Choice:
    def line(jobs: Sequence[FakeJob]) -> list[FakeJob]:
        """By the utilisation of a GPU, of the CPU for a job that cannot run on one."""
        return sorted(jobs, key=lambda j: -j.busy("gpu:0" if "gpu" in j.kinds else "cpu:0"))

    def least_booked(devices: Sequence[str]) -> str | None:
        free = [device for device in devices if books.has_slot(device)]
        return sorted(free, key=lambda device: books.booked[device])[0] if free else None

    gpu, cpu = least_booked(books.gpus()), least_booked(books.cpus())
    if gpu is not None:
        fitting = line([job for job in books.queue if books.fits(job, gpu)])
        if fitting:
            return _of_another_type(books, gpu, fitting)
    if cpu is None:
        return None
    fitting = line([job for job in books.queue if books.fits(job, cpu)])
    if not fitting:
        return None
    n = len(books.arrived)
    on_gpus = sum(books.slots[device] for device in books.gpus())
    on_cpus = sum(books.slots[device] for device in books.cpus())
    last = fitting[-1]
    early = books.ended < n - beta * on_gpus
    far = line(books.arrived).index(last) * (on_gpus + on_cpus) >= on_gpus * n
    # On an idle machine the jobs would wait for ever.
    return (last, cpu, "") if books.idle() or (early and far) else None
