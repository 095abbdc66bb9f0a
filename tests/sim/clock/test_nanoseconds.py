"""Times on a grid: what is one time in decimals is one instant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from simpy import Environment

from rmixer.scheduling.step_times import Member, Mix
from sim.clock.instants import timeout_until, whole_nanoseconds
from sim.clock.progress import AloneProgress

MEMBER = Member("any", "train", "cpu:0", (0,))
times_s = st.floats(0.0, 1e7, allow_nan=False)


class EachTakes:
    """A unit takes as long as it is told, in any company."""

    def __init__(self, unit_s: float) -> None:
        self.unit = unit_s

    def unit_s(self, mix: Mix) -> tuple[float, ...]:
        return tuple(self.unit for _ in mix.members)


@given(times_s, times_s)
def test_a_timeout_ends_at_its_very_time(first_s: float, second_s: float) -> None:
    env = Environment()
    start_s, end_s = sorted((first_s, second_s))
    env.run(until=timeout_until(env, start_s))
    assert env.now == start_s
    env.run(until=timeout_until(env, end_s))
    assert env.now == end_s


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.integers(1, 7))
def test_phases_in_a_row_end_when_their_decimals_do(thousandths: list[int], steps: int) -> None:
    env = Environment()
    for each in thousandths:
        progress = AloneProgress(env, EachTakes(each / 1000 / steps))
        env.run(until=progress.begin(MEMBER, steps).done)
    assert env.now == sum(thousandths) / 1000


def test_progress_is_even_and_whole_at_the_end() -> None:
    env = Environment()
    running = AloneProgress(env, EachTakes(0.1)).begin(MEMBER, 3)
    env.run(until=0.15)
    assert round(running.made(), 9) == 1.5
    env.run(until=running.done)
    assert (env.now, running.made()) == (0.3, 3)


def test_rounding_is_to_a_billionth() -> None:
    assert whole_nanoseconds(0.1 + 0.2) == 0.3
    assert whole_nanoseconds(1.0000000004) == 1.0
