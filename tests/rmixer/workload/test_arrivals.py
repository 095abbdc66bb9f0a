"""Jobs that arrive over time: the times by hand, their distribution, and what is refused."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmixer.errors import InputError
from rmixer.workload.arrivals import Arrivals, arrival_times_s
from rmixer.workload.shrinking import shrinking_of
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload

JOBS = "jobs: [{model: criteo_dlrm, steps: 5, count: 3}, {model: amazon_din, steps: 5, count: 2}]\n"


def read(folder: Path, text: str) -> Workload:
    path = folder / "queue.yaml"
    path.write_text(text)
    return read_workload(path)


def times_s(workload: Workload) -> list[float]:
    return [job.arrival_s for job in workload.jobs]


def test_poisson_gaps_by_hand(tmp_path: Path) -> None:
    """At 3600 an hour the mean gap is a second. The first gaps of seed 0, -ln((n + 0.5) / 2^52)
    of the SHA-256 of ``arrivals:0:0`` and so on, by openssl and bc: 1.7384202580, 1.1594065723,
    0.5294886349, 1.5005224707, 0.5510453997; of seed 7: 0.3925885914, 1.2566617597, ..."""
    found = read(tmp_path, f"arrivals: {{kind: poisson, rate_per_h: 3600}}\n{JOBS}")
    assert times_s(found) == [1.73842, 2.897827, 3.427316, 4.927838, 5.478883]
    assert [job.id for job in found.jobs[2:4]] == ["criteo_dlrm-2", "amazon_din-0"]
    other = read(tmp_path, f"seed: 7\narrivals: {{kind: poisson, rate_per_h: 3600}}\n{JOBS}")
    assert times_s(other)[:2] == [0.392589, 1.649251]


def test_the_seed_of_arrivals_comes_before_that_of_the_workload(tmp_path: Path) -> None:
    text = f"seed: 7\narrivals: {{kind: poisson, rate_per_h: 3600, seed: 0}}\n{JOBS}"
    found = read(tmp_path, text)
    assert times_s(found)[:2] == [1.73842, 2.897827]
    assert [job.seed for job in found.jobs] == [7, 8, 9, 10, 11]


def test_bursts_by_hand(tmp_path: Path) -> None:
    """Pairs at 1800 jobs an hour: 900 pairs, a gap of 4 s in the mean, four times those above; the
    fifth job comes alone."""
    found = read(tmp_path, f"arrivals: {{kind: burst, rate_per_h: 1800, burst: 2}}\n{JOBS}")
    first, second, third = 6.953681, 6.953681 + 4.637626, 6.953681 + 4.637626 + 2.117955
    expected = [first, first, second, second, third]
    assert times_s(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("burst", [1, 3])
def test_gaps_are_exponential_with_the_mean_that_was_asked_for(burst: int) -> None:
    """30 jobs an hour: the mean of n gaps lies within four standard errors, mean / sqrt(n), and the
    share above t within four of exp(-t / mean), for a few t."""
    mean_s, groups = burst * 120.0, 20_000
    arrivals = Arrivals("burst", rate_per_h=30, burst=burst, seed=3)
    found = arrival_times_s(arrivals, groups * burst, seed=0)
    starts = found[::burst]
    gaps = [after - before for before, after in itertools.pairwise([0.0, *starts])]
    assert sum(gaps) / groups == pytest.approx(mean_s, abs=4 * mean_s / math.sqrt(groups))
    for times in (0.1, 0.5, 1.0, 3.0):
        share = math.exp(-times)
        above = sum(gap > times * mean_s for gap in gaps) / groups
        assert above == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / groups))


@settings(max_examples=60, deadline=None)
@given(
    jobs=st.integers(1, 50),
    burst=st.integers(1, 60),
    rate_per_h=st.floats(1e-3, 1e6),
    seed=st.integers(0, 2**32 - 1),
)
def test_arrivals_are_sorted_in_whole_groups_and_not_before_the_start(
    jobs: int, burst: int, rate_per_h: float, seed: int
) -> None:
    found = arrival_times_s(Arrivals("burst", rate_per_h, burst), jobs, seed)
    assert len(found) == jobs
    assert found == sorted(found)
    assert found[0] >= 0
    for start in range(0, jobs, burst):
        assert len(set(found[start : start + burst])) == 1
    more = arrival_times_s(Arrivals("burst", rate_per_h, burst, seed), jobs + 7, seed + 1)
    assert more[:jobs] == found


def test_the_hash_follows_the_times_and_not_how_they_were_said(tmp_path: Path) -> None:
    drawn = read(tmp_path, f"arrivals: {{kind: poisson, rate_per_h: 3600}}\n{JOBS}")
    names = ["criteo_dlrm"] * 3 + ["amazon_din"] * 2
    spelled = "".join(
        f"  - {{model: {name}, steps: 5, arrival_s: {time_s}}}\n"
        for name, time_s in zip(names, times_s(drawn), strict=True)
    )
    assert read(tmp_path, f"jobs:\n{spelled}").hash == drawn.hash
    other = read(tmp_path, f"arrivals: {{kind: poisson, rate_per_h: 3601}}\n{JOBS}")
    assert other.hash != drawn.hash != read(tmp_path, JOBS).hash


def test_fewer_steps_do_not_move_arrivals(tmp_path: Path) -> None:
    whole = read(tmp_path, f"arrivals: {{kind: burst, rate_per_h: 10, burst: 2}}\n{JOBS}")
    small = shrinking_of({"steps_scale": "0.2"}).apply(whole)
    assert times_s(small) == times_s(whole)
    assert {job.steps for job in small.jobs} == {1}


@pytest.mark.parametrize(
    ("said", "key", "found", "allowed"),
    [
        ("{}", "arrivals.kind", "nothing", "one of burst, poisson, trace .*required"),
        ("{kind: null}", "arrivals.kind", "nothing", "one of burst, poisson, trace .*required"),
        ("{kind: posson}", "arrivals.kind", "'posson'", "did you mean 'poisson'"),
        ("{kind: 3}", "arrivals.kind", "3", "text"),
        ("null", "arrivals", "null", "a mapping"),
        ("[poisson]", "arrivals", "['poisson']", "a mapping"),
        ("{kind: poisson}", "arrivals.rate_per_h", "nothing", "poisson requires"),
        ("{kind: burst, burst: 2}", "arrivals.rate_per_h", "nothing", "burst requires this key"),
        ("{kind: burst, rate_per_h: 2}", "arrivals.burst", "nothing", "burst requires this key"),
        ("{kind: trace}", "arrivals.file", "nothing", "trace requires this key"),
        (
            "{kind: poisson, rate_per_h: 1, burst: 2}",
            "arrivals.burst",
            "2",
            "nothing: it is for burst only",
        ),
        (
            "{kind: poisson, rate_per_h: 1, file: a.csv}",
            "arrivals.file",
            "'a.csv'",
            "nothing: it is for trace only",
        ),
        (
            "{kind: trace, file: a.csv, rate_per_h: 1}",
            "arrivals.rate_per_h",
            "1",
            "nothing: it is for poisson and burst only",
        ),
        (
            "{kind: trace, file: a.csv, seed: null}",
            "arrivals.seed",
            "null",
            "nothing: it is for poisson and burst only",
        ),
        ("{kind: trace, file: a.csv}", "arrivals.file", "'a.csv', which is no file", "a trace"),
        ("{kind: trace, file: .}", "arrivals.file", "'.', which is no file", "a trace in CSV"),
        ("{kind: trace, file: ''}", "arrivals.file", "''", "text that is not empty"),
        ("{kind: poisson, rate: 1}", "arrivals.rate", "an unknown key", "mean 'rate_per_h'"),
        ("{kind: poisson, rate_per_h: 0}", "arrivals.rate_per_h", "0", "a number >= 0.001"),
        ("{kind: poisson, rate_per_h: -1}", "arrivals.rate_per_h", "-1", "a number >= 0.001"),
        ("{kind: poisson, rate_per_h: 1e9}", "arrivals.rate_per_h", "10", "a number <= 1000000"),
        ("{kind: poisson, rate_per_h: .nan}", "arrivals.rate_per_h", "nan", "a number"),
        ("{kind: poisson, rate_per_h: '9'}", "arrivals.rate_per_h", "'9'", "a number"),
        ("{kind: poisson, rate_per_h: 1, seed: -1}", "arrivals.seed", "-1", "whole number >= 0"),
        ("{kind: burst, rate_per_h: 1, burst: 0}", "arrivals.burst", "0", "a whole number > 0"),
        ("{kind: burst, rate_per_h: 1, burst: 1.5}", "arrivals.burst", "1.5", "a whole number"),
    ],
)
def test_arrivals_that_are_wrong(
    tmp_path: Path, said: str, key: str, found: str, allowed: str
) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, f"arrivals: {said}\n{JOBS}")
    assert str(error.value).startswith(f"{tmp_path / 'queue.yaml'}: line 1: {key}: ")
    assert str(error.value.found).startswith(found)
    assert re.search(allowed, error.value.allowed)


@pytest.mark.parametrize("kind", ["poisson, rate_per_h: 1", "burst, rate_per_h: 1, burst: 2"])
@pytest.mark.parametrize("time_s", ["0", "12.5"])
def test_a_job_whose_arrival_is_said_twice(tmp_path: Path, kind: str, time_s: str) -> None:
    jobs = "jobs: [{model: criteo_dlrm, steps: 5}, {model: amazon_din, steps: 5, arrival_s: X}]"
    with pytest.raises(InputError) as error:
        read(tmp_path, f"arrivals: {{kind: {kind}}}\n{jobs.replace('X', time_s)}")
    assert (error.value.key, error.value.found) == ("jobs.1.arrival_s", time_s)
    assert error.value.allowed.startswith("nothing: 'arrivals' (")


def test_drawn_arrivals_need_jobs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs: found nothing; allowed: a value"):
        read(tmp_path, "arrivals: {kind: poisson, rate_per_h: 1}")
