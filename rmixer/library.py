"""RMixer for notebooks and programs: each function does the same as the command of its name.

They write to a run folder only where their text says so. They print nothing: news of a command go
to the logger ``rmixer`` (``logging.basicConfig(level="INFO")`` shows them). A wrong argument raises
:class:`~rmixer.errors.InputError`. If a message names an option of the command line, such as
``--set``, it means the argument with the same meaning.

A workload is the path of its file, the name of a bundled one, or a dict with the content of such a
file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # stages are imported when they are used: they take seconds
    from experiments.stages.simulation import Simulation
    from experiments.stages.swept import Swept
    from experiments.stages.trained_run import TrainedRun
    from rmixer.model_profile.model_profile import ModelProfile
    from sim.job_level.simulate import Level

Workload = str | Path | Mapping[str, Any]
Counts = int | str | Sequence[int]


def profile(
    workload: Workload | Sequence[str],
    *,
    batches: Sequence[int] = (),
    threads: Counts | None = None,
    settings: Mapping[str, object] | None = None,
    seconds: float | None = None,
    again: bool = False,
) -> tuple[ModelProfile, ...]:
    """Measure the cost of a training step on this machine.

    Only missing profiles are measured, or all of them ``again``. It waits until no other run
    uses the cores. Profiles are kept under ``$RMIXER_HOME``.

    Args:
        workload: The workload whose jobs are meant, or a list of names of models.
        batches: Batch sizes, instead of each job's own.
        threads: Numbers of threads. Default: one, and all cores.
        settings: Make the workload smaller: ``steps_scale``, ``batch_max``, ``rows_max``.
        seconds: Measure each job at most so long in each of two processes at a number of threads
            (a program: so long in all).
        again: Measure also what is known.

    Returns:
        A profile for each job. ``steps`` has the time of a step by device and threads, ``memory``
        the peak, ``job_type`` the limit of the job.

    Raises:
        rmixer.InputError: A job cannot be profiled here.
        rmixer.RunFailed: A job failed. The profiles of the others are kept.

    ``rmixer.profile(["criteo_dlrm"])`` takes about half a minute on two cores.
    """
    from experiments.stages import plain_arguments as given
    from experiments.stages.asked_profiling import ProfileWish, profile_asked
    from experiments.stages.asked_workload import profiled_jobs
    from profiles.measurements.rounds import Plan
    from profiles.stored.store import Store
    from rmixer.workload.settings import only_shrinking

    given.check_measuring(batches, seconds)
    said = workload if isinstance(workload, list | tuple) else given.workload_in(workload)
    jobs = profiled_jobs(said, only_shrinking(given.settings_in(settings)), batches)
    plan = Plan() if seconds is None else Plan(seconds=seconds, command_seconds=seconds)
    wish = ProfileWish(None if threads is None else given.counts_in(threads), plan, again)
    with given.core_lock() as lock:
        return profile_asked(jobs, wish, Store(), given.quiet_voice(), lock)


def simulate(
    workload: Workload,
    policy: str,
    *,
    machine: str | Path | None = None,
    layout: Mapping[str, int] | None = None,
    settings: Mapping[str, object] | None = None,
    level: Level = "auto",
) -> Simulation:
    """Predict a workload under one policy.

    Args:
        workload: The workload.
        policy: A policy of ``rmixer policies``, like ``"dyMix"`` or ``"my_policies:Mine"``.
        machine: A known machine, or its folder. Default: this one, profiled.
        layout: The slots: ``gpu_slots`` (of each GPU), ``cpu_slots``, ``gpu_threads``,
            ``cpu_threads``. ``slots`` and ``threads`` mean those of the GPUs if there are any, else
            of the CPU. Default: the policy's choice.
        settings: Make the workload smaller (``steps_scale``, ``batch_max``, ``rows_max``), or
            suppose another machine (``machine.gpus``, ``machine.cores``, ...).
        level: ``"auto"``, or ``"job"`` (fast) or ``"operator"`` (every step) alone.

    Returns:
        The prediction: ``makespan_s``, ``jobs`` (a row each), ``one_at_a_time``, ``timeline``,
        ``schedule``. Its ``write(path)`` keeps it as a run folder.

    Raises:
        rmixer.InputError: An argument is wrong, or a profile is missing.
        rmixer.RunFailed: The policy leaves jobs waiting for ever.

    >>> import rmixer
    >>> found = rmixer.simulate("balance_24", "dyMix", machine="h100-16c", level="job")
    >>> print(f"{found.makespan_s:.0f} s, one at a time {found.one_at_a_time.makespan_s:.0f} s")
    76 s, one at a time 314 s
    >>> first = found.jobs[0]
    >>> print(first.id, first.device, first.slot, f"{first.end_s - first.start_s:.0f} s")
    amazon_dien-0 gpu:0 6 76 s

    A workload may be a dict, and the machine another than it is:

    >>> queue = {"jobs": [{"model": "criteo_dlrm", "count": 4, "steps": 1000}]}
    >>> two = {"machine.gpus": 2}
    >>> more = rmixer.simulate(queue, "lpt", machine="h100-16c", layout={"slots": 2}, settings=two)
    >>> [(job.device, job.slot) for job in more.jobs]
    [('gpu:0', 0), ('gpu:0', 1), ('gpu:1', 0), ('gpu:1', 1)]

    A mistake is reported in one line:

    >>> rmixer.simulate({"jobs": [{"model": "criteo_dlrm", "steps": 0}]}, "lpt")
    Traceback (most recent call last):
    rmixer.errors.InputError: workload: jobs.0.steps: found 0; allowed: a whole number > 0
    """
    from experiments.stages import plain_arguments as given
    from experiments.stages.asked_workload import simulated_workload
    from experiments.stages.inputs import inputs_of
    from experiments.stages.simulation import simulation
    from profiles.stored.store import Store
    from rmixer.policies import make_policy

    asked, on = given.settings_in(settings), None if machine is None else str(machine)
    wanted = given.layout_in(layout, several=False)
    given.check_names("level", [level], ("auto", "job", "operator"))
    jobs = simulated_workload(given.workload_in(workload), asked.shrinking, on)
    chosen = make_policy(str(policy), jobs.seed)
    problem = inputs_of(jobs, on, Store(), given.report, what_if=asked.what_if)
    return simulation(problem, chosen, wanted, level, {"policy": policy, **asked.recorded})


def sweep(
    workload: Workload,
    *,
    policies: str | Sequence[str] | None = None,
    machine: str | Path | None = None,
    layout: Mapping[str, Counts] | None = None,
    settings: Mapping[str, object] | None = None,
    search: float | Mapping[str, object] = 0.0,
) -> Swept:
    """Predict a workload under many policies and numbers of slots, and rank them.

    Args:
        workload: The workload.
        policies: Names of policies. Default: all.
        machine: As in :func:`simulate`.
        layout: As in :func:`simulate`; a list of numbers tries each. Default: 0, powers of two and
            all cores as slots, and the numbers of threads that are profiled.
        settings: As in :func:`simulate`.
        search: Seconds to search for a better schedule than any policy's; or a dict of ``seconds``,
            ``evaluations`` (so many schedules: the same result each time), ``objective``
            (``"makespan"``, ``"completion"``, ``"weighted_completion"`` or ``"tardiness"``) and
            ``batch`` (True: it may change the batch of jobs, on as many samples).

    Returns:
        ``rows``, the best first, and of the best ``makespan_s``, ``jobs``, ``schedule``;
        ``bound_s``, which no schedule can beat. Its ``write(path)`` keeps it as a run folder, from
        which ``rmixer execute`` takes the schedule.

    Raises:
        rmixer.InputError: An argument is wrong, or a profile is missing.
        rmixer.RunFailed: No policy runs the workload.

    >>> import rmixer
    >>> two = ["lpt", "sequential"]
    >>> found = rmixer.sweep("quickstart", policies=two, machine="epyc-2c")
    >>> for row in found.rows:
    ...     print(row.policy, row.cpu_slots, f"{row.makespan_s:.1f} s")
    lpt 2 16.4 s
    sequential 1 21.4 s
    lpt 1 21.4 s
    lpt 1 32.1 s
    >>> print(f"no schedule takes less than {found.bound_s:.1f} s")
    no schedule takes less than 15.9 s
    """
    from experiments.stages import plain_arguments as given
    from experiments.stages.asked_workload import simulated_workload
    from experiments.stages.inputs import inputs_of
    from experiments.stages.swept import Trials, swept
    from profiles.stored.store import Store
    from rmixer.policies import make_policy, policy_names

    names = policy_names(None if policies is None else given.counts_in(policies))
    for name in names:
        make_policy(name)
    asked, on = given.settings_in(settings), None if machine is None else str(machine)
    wanted = given.layout_in(layout, several=True)
    jobs = simulated_workload(given.workload_in(workload), asked.shrinking, on)
    trials = Trials(names, wanted, given.search_in(search))
    on_batches = trials.asked.batch
    problem = inputs_of(jobs, on, Store(), given.report, asked.what_if, batches=on_batches)
    return swept(problem, trials, given.quiet_voice(), asked.recorded)


def run(
    workload: Workload,
    *,
    out: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    search: float | Mapping[str, object] = 15.0,
    verify: bool = False,
    share_machine: bool = False,
) -> TrainedRun:
    """Profile what is missing, choose a schedule, train by it, and compare with the prediction.

    It waits until no other run uses the cores. Stages that are done already are skipped: called
    again with the same arguments it goes on with a run that was interrupted. An interruption raises
    KeyboardInterrupt after every job has written a checkpoint.

    Args:
        workload: The workload.
        out: The run folder. Default: ``runs/<workload>``.
        settings: Make the workload smaller: ``steps_scale``, ``batch_max``, ``rows_max``.
        search: As in :func:`sweep`.
        verify: Also execute one job at a time, and the best schedule a second time.
        share_machine: Do not wait for other runs; the results are marked as shared.

    Returns:
        ``makespan_s``, ``jobs`` with their losses, ``failed``, ``comparison`` with the prediction,
        and ``folder``, where all files are.

    Raises:
        rmixer.InputError: An argument is wrong, or a job cannot be trained here.
        rmixer.RunFailed: No job could be trained.

    ``rmixer.run("quickstart")`` takes about three minutes on two cores.
    """
    from experiments.stages import pipeline
    from experiments.stages import plain_arguments as given
    from experiments.stages.asked_workload import trained_workload
    from experiments.stages.trained_run import TrainedRun
    from profiles.stored.store import Store
    from rmixer.files.folder_lock import hold_folder
    from rmixer.workload.settings import only_shrinking

    shrinking = only_shrinking(given.settings_in(settings))
    jobs = trained_workload(given.workload_in(workload), shrinking, given.report)
    path = Path("runs") / jobs.name if out is None else Path(out)
    wish = pipeline.Wish(verify, search=given.search_in(search))
    with hold_folder(path), given.core_lock(share_machine) as lock:
        return TrainedRun.of(pipeline.run(jobs, path, Store(), given.quiet_voice(), lock, wish))
