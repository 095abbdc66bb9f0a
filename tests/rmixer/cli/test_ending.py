"""When a run ends before it is done, and a terminal that is gone."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from rmixer.cli.ending import END_MARGIN_S, _Outliving, _show_last_words, until_s
from rmixer.errors import InputError
from rmixer.run_record.run_summary import never_started


def left_s(text: str | None, environment: dict[str, str] | None = None) -> float:
    found = until_s(text, environment or {})
    assert found is not None
    return found - time.monotonic() + END_MARGIN_S


def test_a_time_from_now() -> None:
    assert until_s(None, {}) is None
    assert left_s("8h") == pytest.approx(8 * 3600, abs=5)
    assert left_s("90m") == pytest.approx(90 * 60, abs=5)
    assert left_s("1.5m") == pytest.approx(90, abs=5)


def test_a_time_of_the_day_is_the_next_one() -> None:
    soon = (datetime.now() + timedelta(minutes=10)).strftime("%H:%M")
    assert 8 * 60 < left_s(soon) <= 10 * 60 + 1
    past = (datetime.now() - timedelta(minutes=10)).strftime("%H:%M")
    assert left_s(past) == pytest.approx(24 * 3600 - 10 * 60, abs=62)


def test_a_date() -> None:
    day = datetime.now() + timedelta(days=2)
    assert left_s(day.strftime("%Y-%m-%d %H:%M")) == pytest.approx(2 * 86400, abs=62)


@pytest.mark.parametrize("text", ["25:00", "soon", "8", "2020-01-01 00:00", "-3h", "12:60"])
def test_what_is_no_time_to_come(text: str) -> None:
    with pytest.raises(InputError, match=r"^--until: found"):
        until_s(text, {})


def test_a_batch_systems_limit_counts_if_it_is_earlier(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slurm = {"SLURM_JOB_END_TIME": str(int(time.time()) + 3600)}
    assert left_s(None, slurm) == pytest.approx(3600, abs=5)
    assert left_s("30m", slurm) == pytest.approx(1800, abs=5)
    assert left_s("8h", slurm) == pytest.approx(3600, abs=5)
    assert "the batch system ends this job at" in capsys.readouterr().err


def test_output_that_nobody_can_read_is_dropped() -> None:
    with contextlib.suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as full:
        outliving = _Outliving(full)
        assert outliving.write("a line\n") == 7
        outliving.flush()
        assert outliving.encoding == "utf-8"


def test_the_end_of_what_a_failed_job_printed_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = (
        replace(never_started("a", "m", "failed"), attempt=1),
        never_started("b", "m", "queued"),
        never_started("silent", "m", "failed"),
    )
    (tmp_path / "logs").mkdir()
    for name in ("a", "b"):
        lines = "".join(f"{name}{number}\n" for number in range(79)) + "\x1b[31m" + "x" * 9000
        (tmp_path / "logs" / f"{name}.log").write_text(lines)

    class Folder:
        path = tmp_path

        def read(self, _: str) -> tuple[None, SimpleNamespace]:
            return None, SimpleNamespace(jobs=jobs)

    _show_last_words(Folder())  # type: ignore[arg-type]
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("the end of what a printed (")
    assert shown[-50:-1] == [f"a{number}" for number in range(30, 79)]
    assert shown[-1].startswith(r"\x1b[31mxxx")
    assert len(shown[-1]) < 600
