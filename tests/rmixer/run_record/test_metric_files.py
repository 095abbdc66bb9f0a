"""What a job measured while it trained, as its file has it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.run_record.metrics import (
    Metric,
    MetricFiles,
    last_of_each_step,
    metrics_path,
)
from rmixer.training.metrics_log import MetricsLog

HEADER = "step,epoch,seconds,split,metric,value\n"


def written(folder: Path, text: str, job: str = "a") -> Path:
    path = metrics_path(folder, job)
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + text)
    return path


def read_metrics(path: Path) -> list[Metric]:
    files = MetricFiles(path.parent.parent, [path.stem])
    rows = files[path.stem]
    if files.wrong:
        raise files.wrong[0]
    return rows


def test_rows_are_read_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, "10,0.5,1.25,train,loss,0.7\n20,,2.5,held_out,auc,0.81\n")
    assert path == tmp_path / "metrics" / "a.csv"
    assert read_metrics(path) == [
        Metric(10, 0.5, 1.25, "train", "loss", 0.7),
        Metric(20, None, 2.5, "held_out", "auc", 0.81),
    ]


def test_what_a_job_writes_is_what_is_read(tmp_path: Path) -> None:
    log = MetricsLog(metrics_path(tmp_path, "a"), made=0, epoch_steps=4)
    log.add(2, 0.25, "train", {"loss": 0.5, "lr": 1e-3})
    log.add(2, 0.25, "held_out", {"loss": math.inf})
    log.close()
    assert read_metrics(metrics_path(tmp_path, "a")) == [
        Metric(2, 0.5, 0.25, "train", "loss", 0.5),
        Metric(2, 0.5, 0.25, "train", "lr", 1e-3),
        Metric(2, 0.5, 0.25, "held_out", "loss", math.inf),
    ]


def test_a_loss_may_be_no_number_and_without_end(tmp_path: Path) -> None:
    path = written(tmp_path, "1,,0,train,loss,nan\n2,,0,train,loss,inf\n")
    first, second = (row.value for row in read_metrics(path))
    assert math.isnan(first)
    assert second == math.inf


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("-1,,0,train,loss,1", "line 3, step: found '-1'; allowed: a whole number >= 0"),
        ("1.5,,0,train,loss,1", "line 3, step: found '1.5'"),
        ("1,x,0,train,loss,1", "line 3, epoch: found 'x'"),
        ("1,,nan,train,loss,1", "line 3, seconds: found 'nan'"),
        ("1,,0,test,loss,1", "line 3, split: found 'test'; allowed: one of train, held_out"),
        ("1,,0,train,,1", "line 3, metric: found ''"),
        ("1,,0,train,loss,", "line 3, value: found ''; allowed: a number, nan or inf"),
        ("1,,0,train", "line 3: found 4 values (the file may be truncated)"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: str, told: str) -> None:
    path = written(tmp_path, f"1,,0,train,loss,1\n{row}\n")
    with pytest.raises(InputError) as raised:
        read_metrics(path)
    assert str(raised.value).startswith(f"{path}: {told}")


def test_a_file_without_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_text("step,loss\n1,2\n")
    with pytest.raises(InputError, match="no column epoch, seconds, split, metric, value"):
        read_metrics(path)


def test_of_half_a_line_the_rows_before_it_are_left(tmp_path: Path) -> None:
    written(tmp_path, "1,,0,train,loss,1\n2,,0,tra")
    written(tmp_path, "1,,0,train,loss,5\n", "b")
    files = MetricFiles(tmp_path, ["a", "b", "without"])
    assert sorted(files) == ["a", "b"]
    assert files.wrong == [], "nothing is read before it is asked for"
    assert [row.value for row in files["a"]] == [1.0]
    assert [row.value for row in files["b"]] == [5.0]
    assert [row.value for row in files["a"]] == [1.0]
    assert ["line 3" in str(error) for error in files.wrong] == [True]


def test_of_a_step_that_was_made_again_the_last_row_counts() -> None:
    rows = [
        Metric(step, None, 0.0, split, "loss", value)  # type: ignore[arg-type]
        for step, split, value in (
            (10, "train", 0.9),
            (20, "train", 0.8),
            (20, "held_out", 0.85),
            (10, "train", 0.7),  # gone on with from a checkpoint before step 10
        )
    ]
    assert last_of_each_step(rows) == {
        ("train", "loss"): [(10, 0.7), (20, 0.8)],
        ("held_out", "loss"): [(20, 0.85)],
    }
