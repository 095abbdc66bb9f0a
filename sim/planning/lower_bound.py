"""A makespan that no schedule can beat in this simulator, and the resource that limits it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from math import ceil, floor

from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from sim.planning.bound_program import LONGEST, Node, Priced, priced
from sim.planning.least_demand import JobClass, job_classes

MOST_PROGRAMS = 100
"""At most this many linear programs are solved for a bound, besides one for each layout."""
MOST_COLUMNS = 50_000
"""They have at most this many columns together."""


@dataclass(frozen=True)
class LowerBound:
    """No schedule takes less than ``bound_s``. ``shares`` are the prices of the longest job, the
    GPUs, the host cores and the slots, which add up to 1. ``job`` is the job whose own length
    counts most."""

    bound_s: float
    shares: Mapping[str, float]
    job: str

    @property
    def held_by(self) -> str:
        """The resource with the largest price."""
        return max(self.shares, key=lambda name: self.shares[name])

    @property
    def in_words(self) -> str:
        """The resource in words, with the job if it is the longest one."""
        job = f", {self.job}" if self.held_by == LONGEST else ""
        return f"{self.held_by}{job}"

    def gap(self, value_s: float) -> float | None:
        """The part of ``value_s`` above the bound, as a fraction of the bound; None if only the
        bound is 0."""
        if self.bound_s > 0:
            return value_s / self.bound_s - 1
        return None if value_s > 0 else 0.0


def lower_bound(problem: Problem, layouts: Iterable[Layout] = ()) -> LowerBound:
    """The least makespan, from the first start to the last end, of any schedule of ``problem``:
    on any layout, or on any of ``layouts``, if some are given.

    *Proof.* Let T be the makespan of a schedule. Give every resource a price >= 0, such that::

        cores + GPUs gpu + sum over jobs of length_j + sum over kinds of slots_d slot_d = 1

    - At a moment at which K > 0 cores are busy, those that are busy for a job are a share of the
      K. All shares add up to 1. So ``cores T`` is at least the sum over jobs of the integral of
      ``cores (cores busy for j) / K``, whatever K is from moment to moment.
    - All GPUs together work at most ``GPUs T``; a job is present for at most T, from its start to
      its end; and jobs are present in slots of a kind for at most ``slots_d T``. Each of these,
      times its price, is at most the price times T.

    On one side this adds up to T, on the other it is a sum over jobs. A job in a mode m, on t
    cores, beside so many that K cores are busy, keeps t of them busy for ``t f_m(K)`` a second of
    its host work h_m, where f_m is :func:`~sim.planning.least_demand.least_slowdown`. It is
    present for at least the time of its slowed host work, and for at least its time alone. So with
    ``length_j + slot_d = p + q``, split in any way, it is worth at least::

        p alone_m + gpu g_m + h_m times the least over K of f_m(K) (q + cores t / K)

    and T is at least the sum over jobs of the least of that over modes. This holds for *any*
    prices. Good ones are the duals of a linear program in which jobs are divided over modes and
    whole K. From them the bound is computed by the formula above, over all K by 1/256 of a core,
    so that it does not rest on the solver's precision.

    A job runs in one mode, and is not divided. So where the program divides jobs whose length is
    priced, it is solved again, once with more of them in a mode, and once with fewer; the bound is
    the least of all that are left open (branch and bound, Land & Doig 1960).

    *In this simulator.* Memory and arrivals only make schedules longer: a job does not start before
    it arrives, but the first start may wait for all. A core that jobs share is busy once. Where
    a member feels others by their load alone (mean demand, background), they count as busy for as
    much as they were alone: so f_m never falls with K, and a mode that keeps its host busy for the
    share ``load`` of its step is charged ``max(1, load f)`` instead of f. Solved mixes are means of
    rates over replications, to 1%, and may exceed what a GPU can do by 3%: so much more the machine
    is taken to do (``HOST_SLACK``, ``GPU_SLACK``). Rough step times of a crowded GPU are found in
    eight rounds that need not settle: of 150 random mixes one went 1.1% beyond what the proof
    allows. Of durations from a table company takes nothing: only the longest job and slots count.

    Source: weak duality of linear programs; shares of jobs over devices as in Gavel (Narayanan et
    al., OSDI 2020).
    """
    machine = problem.machine
    if not problem.jobs:
        return LowerBound(0.0, {LONGEST: 1.0}, "")
    order = count()
    open_nodes: list[tuple[float, int, Node, Priced]] = []

    def consider(node: Node, at_least_s: float = 0.0) -> None:
        found = priced(node, machine)
        found = replace(found, bound_s=max(found.bound_s, at_least_s))
        heappush(open_nodes, (found.bound_s, next(order), node, found))

    for node in roots(problem, layouts):
        consider(node)
    columns = sum(len(each.modes) for each in open_nodes[0][2].classes) * len(machine.cores)
    for _ in range(min(MOST_PROGRAMS, MOST_COLUMNS // max(1, columns)) // 2):
        _, _, node, found = open_nodes[0]
        if found.split is None:
            break
        heappop(open_nodes)
        for child in _divided(node, *found.split):
            consider(child, found.bound_s)
    _, _, node, found = open_nodes[0]
    return LowerBound(found.bound_s, found.shares, node.classes[found.longest].ids[0])


def roots(problem: Problem, layouts: Iterable[Layout]) -> Iterator[Node]:
    """A node for each of ``layouts`` that differ for the bound."""
    given = list(layouts)
    if not given:
        yield Node(tuple(job_classes(problem, None)), {})
        return
    known: set[object] = set()
    for layout in given:
        slots: dict[str, int] = {}
        threads: dict[str, int] = {}
        for entry in layout.devices:
            slots[entry.kind] = slots.get(entry.kind, 0) + entry.slots
            threads[entry.kind] = max(threads.get(entry.kind, 0), entry.threads)
        alike = (frozenset(slots.items()), frozenset(threads.items()))
        if alike not in known:
            known.add(alike)
            yield Node(tuple(job_classes(problem, layout)), slots)


def _divided(node: Node, j: int, mode: int, jobs: float) -> Iterator[Node]:
    """``node`` with at least and with at most a whole number of jobs of class ``j`` in ``mode``."""
    whole, rest = node.classes[j], node.classes[:j] + node.classes[j + 1 :]
    others = whole.modes[:mode] + whole.modes[mode + 1 :]
    for count_there, modes in ((ceil(jobs), whole.modes[mode : mode + 1]), (None, others)):
        fixed = count_there if count_there is not None else len(whole.ids) - floor(jobs)
        parts = [replace(whole, ids=whole.ids[:fixed], modes=modes)]
        if fixed < len(whole.ids):
            parts.append(JobClass(whole.ids[fixed:], whole.modes))
        yield replace(node, classes=(*rest, *parts))
