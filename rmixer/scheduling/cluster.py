"""The books of a run: the jobs that wait, the place of those that run, the booked memory. The
simulated and the real clock share them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from rmixer.errors import PolicyStarved, PolicyWrong
from rmixer.hardware.machine import Machine
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.scheduling.admission import Costed, context_bytes
from rmixer.scheduling.asking import ask, ask_again_s
from rmixer.scheduling.booking import Booking, booked_bytes
from rmixer.scheduling.device_books import DeviceBooks
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.ordered_queue import OrderedQueue
from rmixer.scheduling.placing import kept_for_slots, placed
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.readings import Readings
from rmixer.scheduling.step_times import StepTimes
from rmixer.scheduling.view import ClusterView, Dispatch, JobView, State
from rmixer.workload.workload import Job

MOST_IDLE_ASKS = 1000
"""Most requests in a row to be asked again while nothing runs and the policy starts nothing."""
MOST_ASKS_A_SECOND = 10_000
"""Most requests in a second of the run to be asked again without starting anything."""


class Cluster:
    """Jobs and devices of one run. ``used_bytes`` is the memory in use on each device before the
    run starts; ``readings`` have figures that are not in the books."""

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        step_times: StepTimes | None = None,
        used_bytes: Mapping[str, int] | None = None,
        readings: Readings | None = None,
    ) -> None:
        self.machine, self.layout, self._step_times = machine, layout, step_times
        self._readings = readings
        self._slots = {entry.device: entry for entry in layout.devices}
        self._jobs: dict[str, JobView] = {}
        self._queued: dict[str, JobView] = {}
        self._queue = OrderedQueue(self._queued)
        self._devices = DeviceBooks(machine, layout, self._jobs, used_bytes or {}, readings)
        self._bookings: dict[str, Booking] = {}
        self._has_priorities = False
        self._order = self._idle_asks = self._asks = 0
        self._asks_since_s = 0.0
        self._jobs_view = MappingProxyType(self._jobs)
        self._queued_view = MappingProxyType(self._queued)

    def expect(self, jobs: Iterable[Costed]) -> None:
        """``jobs`` are to come: workers for them are warm on every slot from the beginning, and
        hold their contexts on GPUs."""
        self._devices.hold_contexts(context_bytes(jobs))

    @property
    def running(self) -> Mapping[str, Booking]:
        """The bookings of the jobs that run now."""
        return MappingProxyType(self._bookings)

    def view(self, now_s: float) -> ClusterView:
        """The view of a policy now; it is live, so valid until the next change."""
        return ClusterView(
            now_s,
            self._jobs_view,
            self._queued_view,
            self._devices.view,
            self._step_times,
            self._readings.steps_made if self._readings else None,
            self._queue.in_order,
            self._devices.free,
        )

    def submit(self, job: Job, identity: str, costs: Mapping[str, DeviceCost]) -> None:
        """A job has arrived."""
        view = JobView(
            id=job.id,
            model=job.model,
            order=len(self._jobs),
            steps=job.steps,
            arrival_s=job.arrival_s,
            state="queued",
            attempts=0,
            costs=MappingProxyType(dict(costs)),
            identity=identity,
            weight=job.weight,
            priority=job.priority,
            deadline_s=job.deadline_s,
        )
        self._has_priorities |= job.priority != 0
        self._jobs[job.id] = self._queued[job.id] = view
        self._queue.add(view)

    def decide(self, policy: Policy, now_s: float) -> list[Booking]:
        """Asks the policy until it starts no more; every answer is booked before the next. While
        jobs of several priorities wait, the policy first sees those of the highest alone until it
        starts no more of them, then those of the next as well. Raises :class:`PolicyWrong` for an
        answer that cannot be carried out, and :class:`rmixer.errors.PolicyFailed` for an error in a
        user's own policy."""
        self._devices.measure()
        self._idle_asks = 0 if self._bookings else self._idle_asks + 1
        bookings: list[Booking] = []
        view = self.view(now_s)
        if self._has_priorities and policy.heeds_priority:
            for least in waiting_priorities(view):
                while dispatches := ask(policy, down_to(view, least)):
                    bookings.extend(self._book(dispatch, policy, view) for dispatch in dispatches)
        else:
            while dispatches := ask(policy, view):
                bookings.extend(self._book(dispatch, policy, view) for dispatch in dispatches)
        if bookings or now_s > self._asks_since_s + 1.0:
            self._asks, self._asks_since_s = 0, now_s
        return bookings

    def ask_again_s(self, policy: Policy, now_s: float) -> float | None:
        """Seconds after which ``policy`` wants to be asked again if nothing happens before; None if
        no job waits, or if it has wanted that of an idle machine too often. Raises as
        :meth:`decide`, also for a policy that wants it without end."""
        if not self._queued or self._idle_asks > MOST_IDLE_ASKS:
            return None
        measures = self._readings is not None and self._readings.reads_memory
        if type(policy).ask_again_s is Policy.ask_again_s and not measures:
            return None  # it would wait for memory to settle
        again_s = ask_again_s(policy, self.view(now_s))
        self._asks += again_s is not None
        if self._asks > MOST_ASKS_A_SECOND:
            raise PolicyWrong(
                f"policy {policy.origin!r} wanted to be asked again {self._asks} times within a "
                f"second of the run, now in {again_s:g} s, and started nothing"
            )
        return again_s

    def finish(self, job: str, state: State = "done") -> None:
        """Removes the job from its devices. In state ``waiting`` it is not in the queue until
        :meth:`requeue`."""
        booking = self._bookings.pop(job)
        view = self._jobs[job]._replace(state=state)
        self._jobs[job] = view
        self._devices.leave(view, booking)

    def requeue(self, job: str, peaks: Mapping[str, int] | None = None) -> None:
        """Queues a job that is ``waiting`` again, at its place in the order of submission.
        ``peaks`` are its corrected bytes by kind of device."""
        view = self._jobs[job]
        costs = {
            kind: replace(cost, peak_bytes=max(cost.peak_bytes, (peaks or {}).get(kind, 0)))
            for kind, cost in view.costs.items()
        }
        view = view._replace(state="queued", costs=MappingProxyType(costs))
        self._jobs[job] = view
        waiting = sorted((*self._queued.values(), view), key=lambda each: each.order)
        self._queued.clear()
        self._queued.update((each.id, each) for each in waiting)
        self._queue.add(view)

    def most_bytes(self, device: str) -> int:
        """The largest peak that a job may have on ``device`` if it is alone there."""
        return self._devices.most_bytes(device)

    def withdraw(self, job: str) -> None:
        """Cancels a job that is not running."""
        if (view := self._queued.pop(job, None)) is not None:
            self._queue.remove(view)
        self._jobs[job] = self._jobs[job]._replace(state="failed")

    @property
    def is_crowded(self) -> bool:
        """True if a job waits only because others hold more memory than at the start."""
        return self._devices.are_crowded(self._queued.values())

    def check_progress(self, more_to_come: bool) -> None:
        """Raises :class:`PolicyStarved` if jobs wait and no event can ever start them."""
        if self._queued and not self._bookings and not more_to_come:
            names = ", ".join(self._queued)
            kept = kept_for_slots(self._devices.view.values(), self._queued.values())
            raise PolicyStarved(f"the policy leaves jobs waiting on an idle machine: {names}{kept}")

    def _book(self, dispatch: Dispatch, policy: Policy, view: ClusterView) -> Booking:
        place = placed(dispatch, policy, view, self._slots)
        job, device = place.job, place.device
        cores = self.layout.cores(self.machine, device.name, place.slot)[: place.threads]
        booking = Booking(
            order=self._order,
            job=job.id,
            devices=dispatch.devices,
            slot=place.slot,
            cores=cores,
            placement=dispatch.placement,
            tag=dispatch.tag,
            attempt=job.attempts + 1,
            booked_bytes=booked_bytes(job.costs[device.kind]),
            sharing=place.sharing,
            round=dispatch.round,
            barrier=dispatch.barrier,
        )
        self.rebook(booking, view.now_s)
        return booking

    def rebook(self, booking: Booking, now_s: float) -> None:
        """Books ``booking`` at ``now_s``, also one of an earlier part of the run."""
        job = self._jobs[booking.job]
        self._devices.occupy(job, booking, now_s)
        del self._queued[job.id]
        self._queue.remove(job)
        self._jobs[job.id] = job._replace(state="running", attempts=booking.attempt)
        self._order = booking.order + 1
        self._bookings[job.id] = booking


def waiting_priorities(view: ClusterView) -> Sequence[int]:
    """The priorities of the jobs that wait, the highest first."""
    return sorted({job.priority for job in view.queued.values()}, reverse=True)


def down_to(view: ClusterView, least: int) -> ClusterView:
    """``view`` without the jobs that wait and have a priority below ``least``."""
    queued = {name: job for name, job in view.queued.items() if job.priority >= least}
    jobs = {name: job for name, job in view.jobs.items() if job.state != "queued" or name in queued}
    return replace(view, jobs=jobs, queued=queued, kept=None)
