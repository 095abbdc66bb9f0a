"""``check_policy``: checks that a policy can schedule any queue on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from rmixer.errors import InputError, PolicyFailed, PolicyStarved, PolicyWrong
from rmixer.policies.own_policy import check_class
from rmixer.policies.registry import make_of, make_policy
from rmixer.scheduling.asking import ask_layout
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.testing.failures import (
    CheckFailed,
    NoPolicy,
    NotDeterministic,
    Starves,
    WrongAnswer,
    WrongLayout,
)
from rmixer.testing.policy_run import TrialRun
from rmixer.testing.policy_trials import TrialPlace, draw_place, draw_trial
from rmixer.testing.policy_watch import Watched
from rmixer.testing.report import PolicyReport
from rmixer.training.user_code import users_frames

SLOW_S = 0.1
New = Callable[[], Policy]


def check_policy(
    policy: type[Policy] | str,
    settings: Mapping[str, object] | None = None,
    *,
    runs: int = 50,
    seed: int = 0,
) -> PolicyReport:
    """Lets ``policy`` schedule ``runs`` small queues, drawn from ``seed``, and checks all its
    answers. It is a class, with ``settings`` other than its defaults, or a name for ``--policy``.

    Machines have 0 to 3 GPUs and a CPU, with slots on one or both. Jobs come at once or one after
    the other, some run on one kind of device alone, some fail; some run already, started by another
    policy. It checks the answers and the layouts, that no job waits for ever, that the view is not
    changed, and that a new object and the same one give the same answer again. A slow decision and
    memory beyond a device's are notes in the report.

    Raises a :class:`~rmixer.testing.CheckFailed` (an AssertionError) that says what is wrong and
    how to fix it, or any error of the policy's code.
    """
    __tracebackhide__ = True
    try:
        return _report(policy, settings or {}, runs, seed)
    except PolicyFailed as failed:
        raise failed.error.with_traceback(users_frames(failed.error)) from None
    except CheckFailed as failed:
        raise failed.with_traceback(None) from None


def _report(
    policy: type[Policy] | str, settings: Mapping[str, object], runs: int, seed: int
) -> PolicyReport:
    make = _maker(policy, settings)
    decisions, jobs, passed_over, overfull, slowest_s = 0, 0, 0, 0, 0.0
    for number in range(runs):
        draw = random.Random(f"{seed} {number}")
        place = draw_place(draw)
        watched, run = _try(place, draw, lambda number=number: make(number))  # type: ignore[misc]
        decisions += watched.decisions
        jobs += len(run.bookings)
        passed_over = max(passed_over, _passed_over(run.bookings, run))
        overfull += run.is_overfull
        slowest_s = max(slowest_s, watched.slowest_s)
    warnings = []
    if slowest_s > SLOW_S:
        warnings.append(
            f"the slowest decision took {slowest_s:.1f} s, with at most ten jobs; a sweep makes "
            "thousands of them"
        )
    if overfull:
        warnings.append(
            f"in {overfull} of {runs} runs the jobs needed more memory than a device has: a policy "
            'with memory = "none" has to see to that itself'
        )
    title = make(0).origin
    return PolicyReport(title, runs, jobs, decisions, slowest_s, passed_over, tuple(warnings))


def _maker(policy: type[Policy] | str, settings: Mapping[str, object]) -> Callable[[int], Policy]:
    """Returns a function that makes new objects of ``policy`` from a seed."""
    if isinstance(policy, str):
        name = policy
        if settings:
            raise ValueError("settings: found some with a name; allowed: name:key=value")

        def make(seed: int) -> Policy:
            return make_policy(name, seed)

    else:
        title = f"{policy.__module__}:{policy.__qualname__}"

        def make(seed: int) -> Policy:
            return make_of(check_class(policy, title), title, {"seed": seed, **settings})

    try:
        make(0)
    except InputError as error:
        raise NoPolicy(f"found {error.found}; allowed: {error.allowed}") from None
    return make


def _try(place: TrialPlace, draw: random.Random, new: New) -> tuple[Watched, TrialRun]:
    """One run at ``place``."""
    watched = Watched(new)
    try:
        layout = _layout(place, new)
        run = TrialRun(draw_trial(draw, place, layout), draw)
    except PolicyWrong as error:
        raise WrongLayout(f"{error} ({place})") from None
    try:
        run.go(watched)
    except PolicyWrong as error:
        mend = "Look at device.free_slots and device.fits(job) before you answer"
        raise WrongAnswer(f"{error}. {mend} ({place}, at {run.now_s:.1f} s)") from None
    except PolicyStarved:
        names = ", ".join(run.cluster.view(run.now_s).queued)
        raise Starves(
            f"{watched.title}: it starts nothing while nothing runs, and {names} would wait for "
            "ever. Start a job whenever the machine is idle and one fits; if you wait for a time, "
            f"say so in ask_again_s ({place}, at {run.now_s:.1f} s)"
        ) from None
    except PolicyFailed as failed:
        failed.error.add_note(f"check_policy: {place}, at {run.now_s:.1f} s")
        raise
    return watched, run


def _layout(place: TrialPlace, new: New) -> Layout:
    """The layout of the policy, which must repeat and exist on the machine."""
    policy = new()
    layout = ask_layout(policy, place.machine, place.jobs, place.cut)
    if ask_layout(new(), place.machine, place.jobs, place.cut) != layout:
        raise NotDeterministic(f"{policy.origin}: layout gives another one each time ({place})")
    try:
        layout.check(place.machine, "layout")
    except InputError as error:
        raise WrongLayout(
            f"{policy.origin}: {error}. Take the devices and cores from the machine that layout "
            f"gets, or leave layout as it is ({place})"
        ) from None
    return layout


def _passed_over(bookings: Sequence[Booking], run: TrialRun) -> int:
    """The most jobs that came later and were started before one job."""
    orders = [run.cluster.view(run.now_s).jobs[booking.job].order for booking in bookings]
    return max(sum(before > order for before in orders[:n]) for n, order in enumerate(orders))
