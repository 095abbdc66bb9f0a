"""A trace of jobs in CSV: read as if a workload had said it, and every way to get one wrong."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.workload.arrival_trace import NUMBERS, WHOLE
from rmixer.workload.job_entry import JobEntry
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload

TRACED = "arrivals: {kind: trace, file: day/trace.csv}\n"


def read(folder: Path, trace: str, before: str = "", name: str = "queue") -> Workload:
    (folder / "day").mkdir(exist_ok=True)
    (folder / "day" / "trace.csv").write_text(trace)
    path = folder / f"{name}.yaml"
    path.write_text(TRACED + before)
    return read_workload(path)


def test_a_row_is_a_job_as_yaml_would_say_it(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("")
    trace = (
        "model,arrival_s,steps,batch,optimizer,lr,seed,rows_cap,precision,data,on_nan,id,count"
        ",weight_decay,save_every_s\n"
        "criteo_dlrm,7.5,40,64,adagrad,1e-2,9,1000,bf16,raw.txt,go_on,mine,1,1e-5,9\n"
        "amazon_din,0,5,,,,,,,,,,2,,\n"
    )
    yaml = """name: queue
jobs:
  - {model: criteo_dlrm, steps: 40, batch: 64, optimizer: adagrad, lr: 1e-2, seed: 9, id: mine,
     rows_cap: 1000, precision: bf16, data: raw.txt, on_nan: go_on, arrival_s: 7.5,
     weight_decay: 1.0e-5, save_every_s: 9}
  - {model: amazon_din, steps: 5, count: 2}
"""
    (tmp_path / "spelled.yaml").write_text(yaml)
    assert read(tmp_path, trace) == read_workload(tmp_path / "spelled.yaml")


def test_a_cell_holds_no_parts(tmp_path: Path) -> None:
    trace = "arrival_s,model,steps,evaluate\n1,criteo_dlrm,5,{every_steps: 2}\n"
    with pytest.raises(InputError, match=r"the column 'evaluate'.*it is for a workload's 'jobs'"):
        read(tmp_path, trace)


def test_a_program_is_found_beside_the_workload(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print()")
    trace = "arrival_s,command,steps,gpus\n3,python train.py --epochs 2,10,1\n"
    (only,) = read(tmp_path, trace).jobs
    assert only.command is not None
    assert (only.model, only.arrival_s, only.command.gpus) == ("train.py", 3.0, 1)
    assert only.command.folder == str(tmp_path)


def test_jobs_come_first_and_keep_their_own_arrival(tmp_path: Path) -> None:
    before = "seed: 5\njobs: [{model: criteo_dlrm, steps: 5, arrival_s: 9}]\n"
    found = read(tmp_path, "arrival_s,model,steps\n8,criteo_dlrm,6\n2,amazon_din,7\n", before)
    assert [(job.id, job.arrival_s, job.seed, job.steps) for job in found.jobs] == [
        ("criteo_dlrm-0", 9.0, 5, 5),
        ("criteo_dlrm-1", 8.0, 6, 6),
        ("amazon_din-0", 2.0, 7, 7),
    ]


def test_the_hash_is_of_what_the_trace_says(tmp_path: Path) -> None:
    one = read(tmp_path, "arrival_s,model,steps\n8,criteo_dlrm,6\n")
    same = read(tmp_path, "model,steps,batch,arrival_s\ncriteo_dlrm,6,,8.0\n")
    later = read(tmp_path, "arrival_s,model,steps\n9,criteo_dlrm,6\n")
    assert one.hash == same.hash != later.hash
    assert replace(later.jobs[0], arrival_s=8.0) == one.jobs[0]


def test_every_key_of_a_job_that_is_no_number_is_text() -> None:
    others = [field for field in fields(JobEntry) if field.name not in (*WHOLE, *NUMBERS)]
    assert all("int" not in str(field.type) and "float" not in str(field.type) for field in others)
    assert {*WHOLE, *NUMBERS} < {field.name for field in fields(JobEntry)}


def test_spaces_and_empty_lines_do_not_count(tmp_path: Path) -> None:
    plain = read(tmp_path, "arrival_s,model,steps\n0,criteo_dlrm,5\n2,criteo_dlrm,6\n")
    written = "arrival_s, model, steps\n\n0, criteo_dlrm, 5\n2 ,criteo_dlrm,6\n\n"
    assert read(tmp_path, written) == plain


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("", "line 1: found an empty file; allowed: the columns arrival_s"),
        ("model,steps\na,1\n", "line 1: found no column arrival_s in 'model,steps'; allowed"),
        ("arrival_s,model,steps\n", "line 2: found nothing; allowed: a row for each job"),
        ("arrival_s,modle,steps\n0,a,1\n", "line 1: found the column 'modle'; allowed: did you"),
        ("arrival_s,after\n0,1\n", "line 1: found the column 'after'; allowed: nothing"),
        ("arrival_s,steps,steps\n0,1,1\n", "line 1: found the column 'steps' twice; allowed: ev"),
        ("arrival_s,model,steps\n0,a\n", "line 2: found 2 values (the file may be truncated)"),
        ('arrival_s,model,steps\n0,"a,1\n', "line 2: found text that is not CSV"),
    ],
)
def test_a_file_that_is_no_trace(tmp_path: Path, trace: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, trace)
    assert str(error.value).startswith(f"{tmp_path / 'day' / 'trace.csv'}: {message}")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-1,criteo_dlrm,5,,,,,", "line 3, arrival_s: found '-1'; allowed: a finite number >= 0"),
        (",criteo_dlrm,5,,,,,", "line 3, arrival_s: found ''; allowed: a finite number >= 0"),
        ("nan,criteo_dlrm,5,,,,,", "line 3, arrival_s: found 'nan'; allowed: a finite number"),
        ("soon,criteo_dlrm,5,,,,,", "line 3, arrival_s: found 'soon'; allowed: a finite number"),
        ("0,criteo_dlm,5,,,,,", "line 3, model: found 'criteo_dlm'; allowed: did you mean"),
        ("0,,5,,,,,", "line 3, model: found nothing; allowed: one of alidisplay_dmr"),
        ("0,criteo_dlrm,,,,,,", "line 3, steps: found nothing; allowed: a whole number > 0"),
        ("0,criteo_dlrm,0,,,,,", "line 3, steps: found 0; allowed: a whole number > 0"),
        ("0,criteo_dlrm,1.5,,,,,", "line 3, steps: found '1.5'; allowed: a whole number"),
        ("0,criteo_dlrm,5,0,,,,", "line 3, count: found 0; allowed: a whole number > 0"),
        ("0,criteo_dlrm,5,,fast,,,", "line 3, lr: found 'fast'; allowed: a finite number"),
        ("0,criteo_dlrm,5,,-1,,,", "line 3, lr: found -1.0; allowed: a number > 0"),
        ("0,criteo_dlrm,5,,,a/b,,", "line 3, id: found 'a/b'; allowed: up to 100 letters"),
        ("0,criteo_dlrm,5,,,first,,", "line 3, id: found 'first'; allowed: an id of its own: line"),
        ("0,criteo_dlrm,5,,,,no.txt,", "line 3, data: found 'no.txt', which does not exist"),
        ("0,a.b:build,5,,,,,", "line 3, model: found no module 'a.b'; allowed: an installed"),
        ("0,,5,,,,,python no.py", "line 3, command: found no program 'no.py'; allowed: a program"),
        (
            "0,criteo_dlrm,5,,,,,python no.py",
            "line 3, model: found 'criteo_dlrm'; allowed: not together with 'command'",
        ),
    ],
)
def test_a_row_that_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    header = "arrival_s,model,steps,count,lr,id,data,command"
    with pytest.raises(InputError) as error:
        read(tmp_path, f"{header}\n0,criteo_dlrm,5,,,first,,\n{row}\n")
    assert str(error.value).startswith(f"{tmp_path / 'day' / 'trace.csv'}: {message}")
