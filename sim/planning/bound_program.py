"""The linear program of the lower bound: prices of resources, and the bound that they prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

from rmixer.hardware.machine import Machine
from sim.planning.least_demand import FINENESS, JobClass, LeastDemand

GPU_SLACK = 0.03
"""Solved mixes may exceed the capacity of a saturated GPU by this: they are means of rates."""
HOST_SLACK = 0.01
"""The precision to which rates of a mix are averaged."""
MOST_LEVELS = 16
MOST_CHAINS = 32
"""The length is priced for at most this many classes of jobs, the longest."""
WHOLE = 1e-6
LONGEST, GPU, CORES, SLOTS = "longest job", "GPU", "host cores", "slots"


@dataclass(frozen=True, eq=False)
class Node:
    """Classes of jobs, each with the modes that it may take here, and the slots by kind of device;
    no kinds if slots are not limited."""

    classes: tuple[JobClass, ...]
    slots: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Priced:
    """The result of a linear program: ``bound_s``; the ``shares`` of all prices; the class with the
    highest price of its length; a class that it splits over modes, with the mode and the number of
    its jobs there (None if it splits none whose length has a price); and the worth of a job of each
    class, which adds up to the bound."""

    bound_s: float
    shares: dict[str, float]
    longest: int
    split: tuple[int, int, float] | None
    worth_s: Sequence[float] = ()


@dataclass
class _Rows:
    """Rows of a sparse matrix."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)

    def add(self, entries: Mapping[int, float], right: float = 0.0) -> int:
        """Appends a row, and returns its number."""
        self.rows.extend([len(self.right)] * len(entries))
        self.columns.extend(entries)
        self.values.extend(entries.values())
        self.right.append(right)
        return len(self.right) - 1

    def matrix(self, columns: int) -> object:
        """The rows as a matrix."""
        shape = (len(self.right), columns)
        return coo_matrix((self.values, (self.rows, self.columns)), shape).tocsr()


def priced(node: Node, machine: Machine, chains: int = MOST_CHAINS) -> Priced:
    """Solves the program of ``node``, and computes from its duals the bound that they prove: see
    :func:`~sim.planning.lower_bound.lower_bound`. The length of ``chains`` classes has a price.

    Its columns are T, the time at each level of busy cores, and for each class and mode the number
    of jobs, their presence, and their host work at each level.
    """
    classes, slots = node.classes, node.slots
    modes = [(j, mode) for j, each in enumerate(classes) for mode in each.modes]
    # All jobs together keep no more cores busy.
    threads = sum(len(each.ids) * max(mode.threads for mode in each.modes) for each in classes)
    levels = _levels(min(len(machine.cores), threads))
    depth, gpus = len(levels), len(machine.gpus) * (1 + GPU_SLACK)
    longest = sorted(range(len(classes)), key=lambda j: -min(m.solo_s for m in classes[j].modes))
    first, width = 1 + depth, 2 + depth
    most, equal = _Rows(), _Rows()
    at_level: list[dict[int, float]] = [{1 + i: -float(level)} for i, level in enumerate(levels)]
    on_gpus: dict[int, float] = {0: -gpus}
    present: dict[int, dict[int, float]] = {j: {} for j in sorted(longest[:chains])}
    in_slots: dict[str, dict[int, float]] = {kind: {0: -float(n)} for kind, n in slots.items()}
    of_class: list[dict[int, float]] = [{} for _ in classes]
    alone_rows, host_rows = [], []
    for m, (j, mode) in enumerate(modes):
        jobs = first + width * m
        stay, work = jobs + 1, range(jobs + 2, jobs + width)
        slowdown = mode.slowdown[[min(round(k * FINENESS), len(mode.slowdown) - 1) for k in levels]]
        charge = mode.threads * mode.host_s * np.maximum(1.0, mode.load * slowdown)
        for i, column in enumerate(work):
            at_level[i][column] = float(charge[i])
        at_level[-1][jobs] = mode.one_core_s
        on_gpus[jobs] = mode.gpu_s
        alone_rows.append(most.add({jobs: mode.solo_s, stay: -1.0}))
        host = dict(zip(work, (mode.host_s * slowdown).tolist(), strict=True))
        host_rows.append(most.add({jobs: mode.one_core_s, stay: -1.0, **host}))
        if j in present:
            present[j][stay] = 1.0
        if mode.kind in in_slots:
            in_slots[mode.kind][stay] = 1.0
        of_class[j][jobs] = 1.0
        equal.add({jobs: -1.0, **dict.fromkeys(work, 1.0)})
    for j, entries in enumerate(of_class):
        equal.add(entries, float(len(classes[j].ids)))
    for entries in at_level:
        most.add(entries)
    whole = most.add({0: -(1 + HOST_SLACK), **dict.fromkeys(range(1, first), 1.0)})
    gpu = most.add(on_gpus) if gpus else None
    lengths = {j: most.add({0: -float(len(classes[j].ids)), **e}) for j, e in present.items()}
    slot = {kind: most.add(entries) for kind, entries in in_slots.items()}
    columns = first + width * len(modes)
    found = linprog(
        np.eye(1, columns)[0],
        A_ub=most.matrix(columns),
        b_ub=most.right,
        A_eq=equal.matrix(columns),
        b_eq=equal.right,
        method="highs",
    )
    if not found.success:  # some class has no mode, and so no schedule
        return Priced(np.inf, {LONGEST: 1.0}, 0, None)
    dual = np.maximum(0.0, -found.ineqlin.marginals)
    prices = _Prices(
        cores=float(dual[whole]),
        gpu=0.0 if gpu is None else float(dual[gpu]),
        length={j: float(dual[row]) for j, row in lengths.items()},
        slot={kind: float(dual[row]) for kind, row in slot.items()},
        alone=dual[alone_rows].tolist(),
        host=dual[host_rows].tolist(),
    )
    shares = {
        LONGEST: sum(len(classes[j].ids) * price for j, price in prices.length.items()),
        GPU: prices.gpu * gpus,
        CORES: prices.cores * (1 + HOST_SLACK),
        SLOTS: sum(slots[kind] * price for kind, price in prices.slot.items()),
    }
    total = sum(shares.values())
    worth_s = [w / total for w in _least_worth(modes, classes, prices, round(levels[-1]))]
    jobs_in = found.x[first::width].tolist()
    return Priced(
        sum(len(each.ids) * worth for each, worth in zip(classes, worth_s, strict=True)),
        {name: share / total for name, share in shares.items()},
        max(lengths, key=lambda j: len(classes[j].ids) * prices.length[j], default=0),
        _split(modes, jobs_in, prices.length),
        worth_s,
    )


def _levels(cores: int) -> list[float]:
    """Numbers of busy cores: halves for few cores, whole numbers for some, and for many some in
    even ratios."""
    if cores <= MOST_LEVELS // 2:
        return [k / 2 for k in range(2, 2 * cores + 1)]
    if cores <= MOST_LEVELS:
        return [float(k) for k in range(1, cores + 1)]
    return sorted({float(round(cores ** (i / MOST_LEVELS))) for i in range(MOST_LEVELS + 1)})


@dataclass(frozen=True, eq=False)
class _Prices:
    """The price of a second of all cores, of one GPU, of the length of a job of a class, and of one
    slot of a kind; ``alone`` and ``host`` say by mode how the program splits a second of presence
    into one of time alone and one of host work."""

    cores: float
    gpu: float
    length: Mapping[int, float]
    slot: Mapping[str, float]
    alone: Sequence[float]
    host: Sequence[float]


def _least_worth(
    modes: Sequence[tuple[int, LeastDemand]],
    classes: Sequence[JobClass],
    prices: _Prices,
    cores: int,
) -> list[float]:
    """The worth of a job of each class in its cheapest mode, over numbers of busy ``cores``."""
    least = [np.inf] * len(classes)
    for (j, mode), alone, host in zip(modes, prices.alone, prices.host, strict=True):
        presence = prices.length.get(j, 0.0) + prices.slot.get(mode.kind, 0.0)
        # The two add up to it, whatever the solver's rounding says.
        by_host = min(host, presence) if alone <= 0 else presence * host / (alone + host)
        least[j] = min(least[j], _worth(mode, prices, (presence - by_host, by_host), cores))
    return least


def _worth(mode: LeastDemand, prices: _Prices, presence: tuple[float, float], cores: int) -> float:
    alone, host = presence
    worth = alone * mode.solo_s + prices.gpu * mode.gpu_s + host * mode.one_core_s
    if mode.host_s + mode.one_core_s == 0:
        return worth
    # Between two levels: slowed as little as at the lower, sharing the cores as at the upper.
    slowdown = mode.slowdown[: cores * FINENESS]
    busy = np.arange(1, len(slowdown) + 1) / FINENESS
    on_cores = prices.cores * mode.threads / busy * np.maximum(1.0, mode.load * slowdown)
    least = float((host * slowdown + on_cores).min())
    return worth + mode.host_s * least + mode.one_core_s * prices.cores / float(busy[-1])


def _split(
    modes: Sequence[tuple[int, LeastDemand]], jobs_in: Sequence[float], length: Mapping[int, float]
) -> tuple[int, int, float] | None:
    """The class of the highest price that is split over modes, a mode, and its jobs there."""
    found = None
    highest = 0.0
    place = 0
    for m, (j, _) in enumerate(modes):
        place = place + 1 if m and modes[m - 1][0] == j else 0
        count = jobs_in[m]
        if length.get(j, 0.0) > highest and abs(count - round(count)) > WHOLE:
            found, highest = (j, place, count), length[j]
    return found
