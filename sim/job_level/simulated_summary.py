"""The summary of a simulated run, by the same definitions as a measured one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmixer.model_profile.model_profile import ModelProfile
from rmixer.run_record.flow_times import flow_times
from rmixer.run_record.run_summary import DeviceSummary, JobSummary, Origin, RunSummary
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.problem import Problem
from rmixer.workload.workload import Job
from sim.demand.resident import device_kind
from sim.job_level.recorder import Recorder


def summarise(
    problem: Problem,
    layout: Layout,
    policy: str,
    recorder: Recorder,
    bookings: Sequence[Booking],
) -> RunSummary:
    """Sums up a run of ``problem``, recorded by ``recorder``, in which every job was done.

    ``startup_s`` is the machine's worker start-up, times slots over cores if slots outnumber cores:
    starting a worker keeps a core busy, and all are started together. For tables of durations it
    is 0, and busy cores are unknown (None).
    """
    workload, machine = problem.workload, problem.machine
    profile_of = {each.job.id: each.profile for each in problem.jobs}
    booked = {booking.job: booking for booking in bookings}
    begin_s = min(recorder.starts_s.values())
    jobs = tuple(
        _job(job, booked[job.id], profile_of[job.id], recorder, begin_s) for job in workload.jobs
    )
    makespan_s = max(job.end_s for job in jobs)
    origins = {machine.origin, *(profile.origin for profile in profile_of.values())}
    known: tuple[Origin, ...] = ("table", "modelled", "measured")
    origin = next(origin for origin in known if origin in origins)
    busy_s: dict[str, float | None] = {**_gpu_busy_s(jobs, profile_of)}
    busy_s["cpu:0"] = None if origin == "table" else recorder.busy_core_s / len(machine.cores)
    used = {entry.device for entry in layout.devices}
    slots = sum(entry.slots for entry in layout.devices)
    on_device: dict[str, list[JobSummary]] = {}
    for job in jobs:
        on_device.setdefault(job.device, []).append(job)
    return RunSummary(
        run=recorder.run,
        workload=workload.name,
        machine=machine.name,
        origin=origin,
        policy=policy,
        makespan_s=makespan_s,
        samples_per_s=sum(job.samples for job in jobs) / makespan_s if makespan_s > 0 else 0.0,
        startup_s=(
            0.0
            if origin == "table"
            else machine.worker_startup_s * max(1.0, slots / len(machine.cores))
        ),
        jobs=jobs,
        devices=tuple(
            DeviceSummary(
                name=device.name,
                busy_fraction=_share(busy_s.get(device.name, 0.0), makespan_s),
                peak_bytes=_peak_bytes(on_device.get(device.name, ())),
            )
            for device in machine.devices
            if device.name in used or device.kind == "cpu"
        ),
        **vars(flow_times(jobs)),
    )


def _job(
    job: Job,
    booking: Booking,
    profile: ModelProfile,
    recorder: Recorder,
    begin_s: float,
) -> JobSummary:
    trained = recorder.trained.get(job.id, [])
    device = booking.devices[0]
    cost = profile.step(device_kind(device), len(booking.cores))
    # A simulated step carries its share of stalls; a measured mean and median leave them out.
    without_stalls = 1.0 - cost.stall_us / cost.expected_us
    steps = sum([steps for _, steps in trained])
    mean_s = sum([seconds for seconds, _ in trained]) / steps if steps > 0 else None
    median_s = _median_step_s(trained) if steps > 0 else None
    peaks: dict[str, int] = {memory.device: memory.peak_bytes for memory in profile.memory}
    return JobSummary(
        id=job.id,
        model=job.model,
        device=device,
        slot=booking.slot,
        threads=len(booking.cores),
        attempt=booking.attempt,
        start_s=recorder.starts_s[job.id] - begin_s,
        end_s=recorder.ends_s[job.id] - begin_s,
        steps=job.steps,
        samples=0 if profile.origin == "table" else job.steps * job.batch,
        step_ms_p50=None if median_s is None else median_s * 1e3 * cost.p50_us / cost.expected_us,
        step_ms_mean=None if mean_s is None else mean_s * 1e3 * without_stalls,
        stall_s=cost.stall_us * 1e-6 * steps,
        peak_bytes=peaks[device_kind(device)],
        state="done",
        exchange_us=cost.exchange_us or None,
        arrival_s=job.arrival_s - begin_s,
    )


def _median_step_s(trained: Sequence[tuple[float, float]]) -> float:
    """The median over steps of the mean step time of the stretch to which each step belongs."""
    stretches = sorted([(seconds / steps, steps) for seconds, steps in trained if steps > 0])
    half = sum([steps for _, steps in stretches]) / 2
    for step_s, steps in stretches:
        half -= steps
        if half <= 0:
            return step_s
    return stretches[-1][0]


def _share(busy_s: float | None, makespan_s: float) -> float | None:
    if busy_s is None:
        return None
    return min(1.0, busy_s / makespan_s) if makespan_s > 0 else 0.0


def _gpu_busy_s(
    jobs: Sequence[JobSummary], profile_of: Mapping[str, ModelProfile]
) -> dict[str, float | None]:
    """Seconds for which each GPU computes: a step's time alone times its busy share; None if that
    is unknown for one of its jobs."""
    busy: dict[str, float | None] = {}
    for job in jobs:
        if device_kind(job.device) == "gpu":
            profile = profile_of[job.id]
            step_s = profile.step("gpu", job.threads).mean_us * 1e-6
            share, so_far = profile.utilisation.get("gpu"), busy.get(job.device, 0.0)
            if share is None or so_far is None:
                busy[job.device] = None
            else:
                busy[job.device] = so_far + job.steps * step_s * share
    return busy


def _peak_bytes(jobs: Sequence[JobSummary]) -> int:
    """The largest sum of the memory of jobs that run at one time. A job that ends as another starts
    no longer counts."""
    changes = [(job.start_s, 1, job.peak_bytes) for job in jobs]
    changes += [(job.end_s, 0, -job.peak_bytes) for job in jobs]
    peak = now = 0
    for _, _, change in sorted(changes):
        now += change
        peak = max(peak, now)
    return peak
