"""Jobs that are evaluated as they train, stop early, change their rate and keep their metrics."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.own_model import OwnModel
from rmixer.training import metrics_log, trained_job
from rmixer.training.evaluations import Evaluations
from rmixer.training.job_checkpoints import Checkpointing
from rmixer.training.job_files import JobFiles
from rmixer.training.metrics_log import COLUMNS, MetricsLog
from rmixer.training.own_step import OwnStep
from rmixer.training.process import Message
from rmixer.training.step import TrainingStep
from rmixer.training.train_job import train_job
from rmixer.workload.real_training import EarlyStop, Evaluation, LrSchedule
from rmixer.workload.workload import Job, job_of

STEPS = 12


def tiny(model: str = "criteo_dlrm", **changes: Any) -> Job:
    small = {"rows_cap": 500, "batch": 8, "steps": STEPS, "seed": 5}
    return replace(job_of(model), **{**small, **changes})


class Heard:
    """A channel to nobody, that tells to stop at the ``stop_at``-th phase."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.messages: list[Message] = []
        self.stopping = False
        self._stop_at = stop_at

    def send(self, kind: str, **fields: Any) -> None:
        self.messages.append({"kind": kind, **fields})
        self.stopping |= len(self.phases) == self._stop_at

    @property
    def phases(self) -> list[str]:
        return [each["phase"] for each in self.messages if each["kind"] == "phase"]

    @property
    def steps(self) -> int:
        return sum(len(each["ends"]) for each in self.messages if each["kind"] == "steps")


@pytest.fixture(autouse=True)
def _prepared(rmixer_home: None) -> None:
    prepare("criteo_kaggle", "synthetic")


@pytest.fixture
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report, and a row of it, after every step."""
    monkeypatch.setattr(trained_job, "REPORT_EVERY_S", 0.0)
    monkeypatch.setattr(metrics_log, "LEAST_S", 0.0)
    monkeypatch.setattr(metrics_log, "SHARE", 0.0)


def files(folder: Path, name: str = "job") -> JobFiles:
    return JobFiles(
        str(folder / f"{name}.pt"),
        Checkpointing(str(folder / f"{name}.ckpt")),
        str(folder / "metrics" / f"{name}.csv"),
    )


def trained(job: Job, folder: Path, heard: Heard | None = None) -> dict[str, Any]:
    return train_job(heard or Heard(), job, files(folder))  # type: ignore[arg-type]


def weights(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(folder / "job.pt", weights_only=True)
    return found


def rows(folder: Path, split: str, metric: str) -> list[tuple[int, float]]:
    with (folder / "metrics" / "job.csv").open() as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == list(COLUMNS)
    return [
        (int(row["step"]), float(row["value"]))
        for row in read
        if (row["split"], row["metric"]) == (split, metric)
    ]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(
    ("every", "phases"),
    [
        (5, ["warmup", "train", "evaluate", "train", "evaluate", "train"]),
        (3, ["warmup", "evaluate", *["train", "evaluate"] * 2, "train"]),
        (2, ["warmup", "evaluate", "warmup", *["train", "evaluate"] * 4, "train"]),
        (12, ["warmup", "train"]),
    ],
)
def test_training_and_evaluation_come_in_turn(
    every: int, phases: list[str], tmp_path: Path
) -> None:
    heard = Heard()
    trained(tiny(evaluate=Evaluation(every, 2)), tmp_path, heard)
    assert heard.phases == ["build", *phases, "evaluate", "save"]
    assert heard.steps == STEPS
    at = [step for step, _ in rows(tmp_path, "held_out", "auc")]
    assert at == [*range(every, STEPS, every), STEPS]


def test_evaluation_leaves_the_training_as_it_is(tmp_path: Path) -> None:
    """A model with dropout, whose generator is the step's own."""
    for name, evaluate in (("a", None), ("b", Evaluation(3, 2))):
        (tmp_path / name).mkdir()
        trained(tiny("criteo_dcn2", evaluate=evaluate), tmp_path / name)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))


def test_what_is_found_is_what_the_step_finds(tmp_path: Path) -> None:
    job = tiny(evaluate=Evaluation(6, 3))
    answer = trained(job, tmp_path)
    step = TrainingStep(job)
    for _ in range(6):
        step.run()
    halfway = step.evaluate(3)
    for _ in range(6):
        step.run()
    ended = step.evaluate(3)
    for metric in ("loss", "auc"):
        found = dict(rows(tmp_path, "held_out", metric))
        assert found == {6: pytest.approx(halfway[metric]), 12: pytest.approx(ended[metric])}
    assert answer["loss"] == ended["loss"]
    assert answer["quality"] == {"auc": ended["auc"]}


@pytest.mark.usefixtures("_every_report")
def test_the_loss_of_the_training_over_time(tmp_path: Path) -> None:
    job = tiny()
    trained(job, tmp_path)
    step, losses = TrainingStep(job), []
    for _ in range(STEPS):
        step.run()
        losses.append(step.loss())
    found = rows(tmp_path, "train", "loss")
    assert [at for at, _ in found] == list(range(1, STEPS + 1))
    assert [value for _, value in found] == pytest.approx(losses, rel=1e-6)


@pytest.mark.usefixtures("_every_report")
@pytest.mark.parametrize(
    "optimizer",
    ["adam", *(pytest.param(k, marks=pytest.mark.thorough) for k in ("sgd", "adagrad"))],
)
def test_the_rate_follows_its_schedule(optimizer: str, tmp_path: Path) -> None:
    """Against a step that is given each rate by hand."""
    schedule = LrSchedule("cosine", 4)
    job = tiny(optimizer=optimizer, lr=0.1, lr_schedule=schedule)
    trained(job, tmp_path)
    step = TrainingStep(job)
    for made in range(STEPS):
        share = (made - 4) / (STEPS - 4)
        rate = (made + 1) / 4 if made < 4 else 0.5 * (1 + math.cos(math.pi * share))
        step.scale_lr(rate)
        step.run()
    assert same(weights(tmp_path), step.state_dict())
    assert [value for _, value in rows(tmp_path, "train", "lr")] == pytest.approx(
        [0.1 * schedule.factor(made, STEPS) for made in range(STEPS)]
    )
    step = TrainingStep(job)
    for _ in range(STEPS):
        step.run()
    assert not same(weights(tmp_path), step.state_dict())


def stopping(patience: int, metric: str = "loss") -> Job:
    return tiny(steps=60, evaluate=Evaluation(4, 1), stop=EarlyStop(metric, patience))


def evaluated(job: Job, losses: list[float]) -> int:
    """After how many of these the job stops; 0 if it does not."""
    evaluations = Evaluations(job)
    for number, loss in enumerate(losses, start=1):
        evaluations.add(4 * number, {"loss": loss, "auc": 1.0 - loss})
        if evaluations.over:
            return number
    return 0


@pytest.mark.parametrize("metric", ["loss", "auc"])
def test_when_it_stops(metric: str) -> None:
    falling, rising = [0.9, 0.8, 0.7, 0.6], [0.7, 0.8, 0.6, 0.6, 0.7]
    assert evaluated(stopping(1, metric), falling) == 0
    assert evaluated(stopping(1, metric), rising) == 2
    assert evaluated(stopping(2, metric), rising) == 5
    assert evaluated(stopping(3, metric), rising) == 0
    assert evaluated(stopping(1, metric), [math.nan]) == 1


def test_a_job_that_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metric stays as it is: it is evaluated three times, and not again at the end."""
    monkeypatch.setattr(TrainingStep, "evaluate", lambda self, batches: {"loss": 0.5, "auc": 0.5})
    heard = Heard()
    answer = trained(stopping(2), tmp_path, heard)
    assert heard.phases[2:] == ["train", "evaluate"] * 3 + ["save"]
    assert heard.steps == 12
    assert (answer["stopped_early"], answer["interrupted"]) == (True, False)
    assert (answer["loss"], answer["quality"]) == (0.5, {"auc": 0.5})
    assert not trained(tiny(), tmp_path)["stopped_early"]


@pytest.mark.usefixtures("_every_report")
@pytest.mark.parametrize(
    "stop_at", [4, 7, *(pytest.param(at, marks=pytest.mark.thorough) for at in (3, 5, 6))]
)
def test_a_job_that_was_stopped_goes_on(stop_at: int, tmp_path: Path) -> None:
    """In a warm-up, a stretch of training or an evaluation, with a rate that changes."""
    job = tiny(evaluate=Evaluation(4, 1), lr_schedule=LrSchedule("linear", 2))
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    trained(job, tmp_path / "whole")
    assert trained(job, tmp_path / "parts", Heard(stop_at))["interrupted"]
    with (tmp_path / "parts" / "metrics" / "job.csv").open("a") as file:
        file.write("11,,9,train,loss,0.1\n12,,9,tra")  # of a later part that was lost
    trained(job, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    for split, metric in (("held_out", "auc"), ("train", "loss"), ("train", "lr")):
        expected = rows(tmp_path / "whole", split, metric)
        assert rows(tmp_path / "parts", split, metric) == expected


def test_a_stop_by_what_the_model_has_not(tmp_path: Path) -> None:
    evaluations = Evaluations(stopping(1))
    with pytest.raises(RunFailed, match=r"found 'loss'; this model has nothing: no batches are"):
        evaluations.add(4, {})


def test_a_checkpoint_is_of_the_same_settings(tmp_path: Path) -> None:
    job = tiny(optimizer="sgd", momentum=0.9)
    trained(job, tmp_path, Heard(3))
    for other in (replace(job, momentum=0.8), replace(job, lr_schedule=LrSchedule("linear"))):
        with pytest.raises(RunFailed, match="is the checkpoint of another job"):
            trained(other, tmp_path)
    assert not trained(replace(job, evaluate=Evaluation(4)), tmp_path)["interrupted"]


def test_metrics_that_cannot_be_written_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("not a folder")
    answer = trained(tiny(), tmp_path)
    assert answer["remark"].startswith("metrics are missing: ")
    assert (tmp_path / "job.pt").exists()


def test_rows_grow_with_the_logarithm_of_the_time(tmp_path: Path) -> None:
    log, written = MetricsLog(tmp_path / "a.csv", 0, None), 0
    for tick in range(20 * 36_000):  # ten hours
        if log.due(tick / 20):
            written += 1
            log.add(tick, tick / 20, "train", {})
    # Until 250 s two a second; then one each 0.2% of the time: ln(36000 / 250) / 0.002.
    assert written == pytest.approx(500 + math.log(36_000 / 250) / 0.002, rel=0.05)


def test_event_files_hold_the_same(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    job = tiny(evaluate=Evaluation(4, 1))
    told = replace(files(tmp_path), tensorboard=str(tmp_path / "events"))
    train_job(Heard(), job, told)  # type: ignore[arg-type]
    read = accumulator.EventAccumulator(str(tmp_path / "events"), {"tensors": 0}).Reload()
    assert {"held_out/auc", "held_out/loss", "train/loss", "train/lr"} == set(
        read.Tags()["tensors"]
    )
    found = [(each.step, each.tensor_proto.float_val[0]) for each in read.Tensors("held_out/auc")]
    assert found == [(at, pytest.approx(v)) for at, v in rows(tmp_path, "held_out", "auc")]


def own_step(job: Job) -> OwnStep:
    """Batches and held-out batches are shuffled by the process's generator."""

    def build(_: Job) -> OwnModel:
        draw = torch.Generator().manual_seed(0)
        values = torch.randn(40, 3, generator=draw)
        data = TensorDataset(values, (values.sum(1) > 0).float())
        net = nn.Sequential(nn.Dropout(0.3), nn.Linear(3, 1))
        return OwnModel(
            module=net,
            batches=DataLoader(data, 8, shuffle=True),
            loss=lambda module, batch: nn.functional.mse_loss(module(batch[0])[:, 0], batch[1]),
            optimizers=torch.optim.SGD(
                [{"params": [net[1].weight], "lr": 0.2}, {"params": [net[1].bias]}], lr=0.1
            ),
            held_out=DataLoader(data, 8, shuffle=True),
        )

    return OwnStep(job, build)


OWN = Job("job", "my_net:build", steps=9, batch=8, optimizer="sgd", lr=0.1, seed=3)


def test_evaluation_leaves_an_own_models_training_as_it_is() -> None:
    with_it, without = own_step(OWN), None
    for number in range(9):
        with_it.run()
        if number % 2:
            with_it.evaluate(2)
    without = own_step(OWN)
    for _ in range(9):
        without.run()
    assert same(with_it.state_dict(), without.state_dict())


def test_the_rates_of_an_own_model_keep_their_ratio() -> None:
    step = own_step(OWN)
    assert step.steps_per_epoch == 5
    for factor in (0.5, 0.25):
        step.scale_lr(factor)
        rates = [group["lr"] for group in step.optimizers[0].param_groups]
        assert rates == [0.2 * factor, 0.1 * factor]
    state = step.training_state()
    again = own_step(OWN)
    again.load_training_state(state)
    again.scale_lr(1.0)
    assert [group["lr"] for group in again.optimizers[0].param_groups] == [0.2, 0.1]
