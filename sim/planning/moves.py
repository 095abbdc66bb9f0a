"""Small changes of a planned schedule, drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from sim.planning.evaluator import Judged

MANY = 200
"""With this many jobs a change of one is as likely as one of all equal jobs."""
SHIFT = 0.3
"""Standard deviation of the move of equal jobs, as a share of the queue."""
MOST_REMOVED = 6
REBATCHED = 0.2
"""The share of changes that change a batch, if a job has several."""
TRIED_PLACES = 6
"""The number of places tried for a job that was taken out."""


@dataclass(frozen=True)
class Order:
    """An order of dispatch: the ``jobs`` by their places in the problem, and the slot of each,
    counted over all devices; below 0 for any slot of a kind, the one that is free then."""

    jobs: tuple[int, ...]
    slots: tuple[int, ...]

    def without(self, places: Sequence[int]) -> Order:
        """The same without those at ``places``."""
        left = [at for at in range(len(self.jobs)) if at not in set(places)]
        return Order(tuple(self.jobs[at] for at in left), tuple(self.slots[at] for at in left))

    def with_job(self, job: int, slot: int, at: int) -> Order:
        """The same with ``job`` on ``slot`` before the entry at the place ``at``."""
        return Order(
            (*self.jobs[:at], job, *self.jobs[at:]), (*self.slots[:at], slot, *self.slots[at:])
        )


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Draws changes. ``slots_of`` are the slots that each job can run on, ``any_of`` the number for
    any slot of the kind of each slot, ``alike`` a number that equal jobs share; ``score`` judges an
    order with some of the jobs. ``sizes`` has, for each job, the places of the same job by batch;
    it is empty if no job has several."""

    slots_of: Sequence[Sequence[int]]
    any_of: Sequence[int]
    alike: Sequence[int]
    score: Callable[[Order], float]
    sizes: Sequence[Mapping[int, int]] = ()

    def changed(self, order: Order, judged: Judged, draw: Random) -> Order:
        """Another order near ``order``, whose result was ``judged``."""
        count = len(order.jobs)
        if self.sizes and draw.random() < REBATCHED:
            return self.rebatched(order, judged, draw)
        if draw.random() < count / (count + MANY):
            return self.reordered(order, draw)
        chance = draw.random()
        if chance < 0.45:
            return self.moved(order, judged, draw)
        if chance < 0.85:
            return self.swapped(order, judged, draw)
        if chance < 0.97:
            return self.tails_swapped(order, draw)
        return self.rebuilt(order, judged, draw)

    def moved(self, order: Order, judged: Judged, draw: Random) -> Order:
        """One job on any slot, at any place of its queue."""
        at = self._one(order, judged, draw)
        job = order.jobs[at]
        slot = draw.choice(self.slots_of[job])
        rest = order.without([at])
        return rest.with_job(job, slot, _place(rest, slot, draw))

    def swapped(self, order: Order, judged: Judged, draw: Random) -> Order:
        """Two jobs in each other's places, if both can run there."""
        first, second = self._one(order, judged, draw), draw.randrange(len(order.jobs))
        one, other = order.jobs[first], order.jobs[second]
        jobs, slots = list(order.jobs), order.slots
        if slots[second] in self.slots_of[one] and slots[first] in self.slots_of[other]:
            jobs[first], jobs[second] = other, one
        return Order(tuple(jobs), slots)

    def tails_swapped(self, order: Order, draw: Random) -> Order:
        """The rest of two slots' queues, from any moment on, on each other's slots."""
        one, other = (draw.choice(order.slots) for _ in range(2))
        since = draw.randrange(len(order.jobs))
        slots = list(order.slots)
        for at in range(since, len(slots)):
            there = {one: other, other: one}.get(slots[at])
            if there is not None and there in self.slots_of[order.jobs[at]]:
                slots[at] = there
        return Order(order.jobs, tuple(slots))

    def rebuilt(self, order: Order, judged: Judged, draw: Random) -> Order:
        """A few jobs are taken out (those that end last, those of one slot or any) and put back one
        by one at the best place (large-neighbourhood search, Shaw 1998)."""
        count = min(len(order.jobs), draw.randint(2, MOST_REMOVED))
        places = list(range(len(order.jobs)))
        kind = draw.randrange(3)
        if kind == 0:
            places.sort(key=lambda at: -judged.ends_s[order.jobs[at]])
            places = draw.sample(places[: 2 * count], min(count, len(places)))
        elif kind == 1:
            slot = draw.choice(order.slots)
            same = [at for at in places if order.slots[at] == slot]
            places = draw.sample(same, min(count, len(same)))
        else:
            places = draw.sample(places, count)
        jobs = [order.jobs[at] for at in places]
        draw.shuffle(jobs)
        found = order.without(places)
        for job in jobs:
            tried = []
            for _ in range(TRIED_PLACES):
                slot = draw.choice(self.slots_of[job])
                tried.append(found.with_job(job, slot, _place(found, slot, draw)))
            found = min(tried, key=self.score)
        return found

    def reordered(self, order: Order, draw: Random) -> Order:
        """Moves all equal jobs earlier or later, or some of them to another kind of device; and
        every job goes to the slot of its kind that is free when its turn comes."""
        count = len(order.jobs)
        kind = self.alike[draw.choice(order.jobs)]
        shift = draw.gauss(0.0, SHIFT) * count
        slots = list(self.anywhere(order).slots)
        if draw.random() < 0.3:
            shift, share, to = 0.0, draw.random(), draw.choice(self.any_of)
            for at, job in enumerate(order.jobs):
                there = any(self.any_of[slot] == to for slot in self.slots_of[job])
                if self.alike[job] == kind and there and draw.random() < share:
                    slots[at] = to
        turns = [at + shift * (self.alike[job] == kind) for at, job in enumerate(order.jobs)]
        places = sorted(range(count), key=turns.__getitem__)
        return Order(tuple(order.jobs[at] for at in places), tuple(slots[at] for at in places))

    def anywhere(self, order: Order) -> Order:
        """The same with every job on any slot of its kind. It means the same on another layout of
        the same devices."""
        return Order(order.jobs, tuple(self.any_of[slot] for slot in order.slots))

    def rebatched(self, order: Order, judged: Judged, draw: Random) -> Order:
        """Changes the batch of one job, or of all jobs equal to it."""
        job = order.jobs[self._one(order, judged, draw)]
        batch = draw.choice(sorted(self.sizes[job]))
        kind = self.alike[job] if draw.random() < 0.5 else None
        jobs = [
            self.sizes[each].get(batch, each) if each == job or self.alike[each] == kind else each
            for each in order.jobs
        ]
        return Order(tuple(jobs), order.slots)

    def _one(self, order: Order, judged: Judged, draw: Random) -> int:
        """The place of a job: sometimes of the one that ends last or of one before it on its slot,
        else of any."""
        if draw.random() < 0.7:
            return draw.randrange(len(order.jobs))
        last = int(np.argmax(np.where(judged.ends_s < np.inf, judged.ends_s, -1.0)))
        slot = order.slots[order.jobs.index(last)]
        return draw.choice([at for at, on in enumerate(order.slots) if on == slot])


def _place(order: Order, slot: int, draw: Random) -> int:
    """A place before one of the jobs of ``slot``, or after all."""
    there = [at for at, on in enumerate(order.slots) if on == slot]
    return draw.choice([*there, len(order.jobs)])
