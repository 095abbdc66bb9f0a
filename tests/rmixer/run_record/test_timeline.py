"""``events.csv``: the same bytes for the same record, and a line number for what is wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmixer.errors import InputError
from rmixer.run_record.timeline import COLUMNS, KINDS, Interval, Timeline

HEADER = "run,job,attempt,name,kind,device,slot,lane,start_s,duration_s,steps\n"
TRAIN = Interval("measured", "a", 1, "criteo_dlrm", "train", "cpu:0", 0, "cpu", 1.0, 2.5, 100.0)


def row(job: str, kind: str, start_s: float) -> Interval:
    return Interval("run", job, 1, "model", kind, "cpu:0", 0, "cpu", start_s, 1.0)


def read(folder: Path, text: str) -> Timeline:
    (folder / "events.csv").write_text(text)
    return Timeline.read_csv(folder / "events.csv")


def test_the_text_of_a_record() -> None:
    assert Timeline([TRAIN]).to_csv() == (
        HEADER + "measured,a,1,criteo_dlrm,train,cpu:0,0,cpu,1,2.5,100\n"
    )
    assert ",".join(COLUMNS) + "\n" == HEADER


def test_rows_are_sorted_by_start_then_job_then_kind() -> None:
    rows = [
        row("a", "queued", 0.0),
        row("a", "build", 0.0),
        row("a", "save", 0.0),
        row("b", "queued", 0.0),
        row("a", "train", 0.5),
        row("a", "startup", 2.0),
        row("a", "operator", 10.0),
    ]
    shuffled = rows.copy()
    random.Random(1).shuffle(shuffled)
    assert list(Timeline(shuffled)) == rows


def test_times_are_rounded_to_a_nanosecond_and_zero_has_no_sign() -> None:
    intervals = [
        Interval("r", "a", 1, "m", "train", "cpu:0", 0, "cpu", 1e-10, 1 / 3, 0.0),
        Interval("r", "b", 1, "m", "train", "cpu:0", 0, "cpu", -0.0, 1e9, -1e-12),
        Interval("r", "c", 1, "m", "train", "cpu:0", 0, "cpu", -0.25, 1e-9, 2.0),
    ]
    cells = [line.rsplit(",", 3)[1:] for line in Timeline(intervals).to_csv().splitlines()[1:]]
    assert cells == [
        ["-0.25", "0.000000001", "2"],
        ["0", "0.333333333", "0"],
        ["0", "1000000000", "0"],
    ]


times = st.floats(-1e6, 1e9, allow_nan=False)
names = st.text("abcä\",; '|", max_size=5)
intervals = st.builds(
    Interval,
    run=names,
    job=names,
    attempt=st.integers(0, 3),
    name=names,
    kind=st.sampled_from(KINDS),
    device=st.sampled_from(["cpu:0", "gpu:0"]),
    slot=st.integers(0, 3),
    lane=st.sampled_from(["cpu", "gpu", "link"]),
    start_s=times | st.sampled_from([0.0, -0.0, 1e-10]),
    duration_s=st.floats(0, 1e9),
    steps=st.floats(0, 1e9),
)


@given(rows=st.lists(intervals, max_size=6), shuffle=st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_the_order_of_recording_nor_on_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Interval], shuffle: random.Random
) -> None:
    path = tmp_path_factory.mktemp("runs") / "events.csv"
    text = Timeline(rows).to_csv()
    shuffle.shuffle(rows)
    Timeline(rows).write_csv(path)
    assert path.read_text(encoding="utf-8") == text
    again = Timeline.read_csv(path)
    assert again.to_csv() == text
    assert len(again) == len(rows)
    for known, read_back in zip(Timeline(rows), again, strict=True):
        assert read_back.start_s == pytest.approx(known.start_s, abs=1e-9)
        assert (read_back.job, read_back.kind, read_back.slot) == (
            known.job,
            known.kind,
            known.slot,
        )


def test_what_a_timeline_answers() -> None:
    timeline = Timeline([row("b", "train", 2.0), row("a", "train", 1.0), row("b", "queued", 0.0)])
    timeline.add(row("a", "save", 7.5))
    assert timeline.makespan_s == 8.5
    assert timeline.jobs == ["b", "a"]
    assert [i.start_s for i in timeline.select(kind="train")] == [1.0, 2.0]
    assert [i.kind for i in timeline.select(job="a")] == ["train", "save"]
    assert [i.end_s for i in timeline.select(kind="train", job="b")] == [3.0]
    assert (Timeline().makespan_s, Timeline().jobs, len(Timeline())) == (0.0, [], 0)


GOOD = "r,a,1,m,train,cpu:0,0,cpu,1,2,3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found an empty file; allowed: the columns run, job"),
        (HEADER.replace("slot,", ""), "line 1: found no column slot; allowed: the columns run"),
        (HEADER + GOOD + "r,a,1\n", "line 3: found 3 values (the file may be truncated); all"),
        (
            HEADER + GOOD.replace(",3\n", ",many\n"),
            "line 2, steps: found 'many'; allowed: a finite",
        ),
        (HEADER + GOOD.replace(",1,2,", ",nan,2,"), "line 2, start_s: found 'nan'; allowed: a fin"),
        (HEADER + GOOD.replace(",1,2,", ",1,inf,"), "line 2, duration_s: found 'inf'; allowed: a"),
        (
            HEADER + GOOD.replace(",1,2,", ",1,-2,"),
            "line 2, duration_s: found '-2'; allowed: a fin",
        ),
        (HEADER + GOOD.replace("a,1,", "a,1.5,"), "line 2, attempt: found '1.5'; allowed: a whole"),
        (HEADER + GOOD.replace("train", "trian"), "line 2, kind: found 'trian'; allowed: one of q"),
        (HEADER + 'r,"a', "line 2: found text that is not CSV"),
    ],
)
def test_a_file_that_is_no_timeline(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path / 'events.csv'}: {message}")
