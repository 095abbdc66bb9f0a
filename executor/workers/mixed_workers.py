"""Model jobs and command jobs in one queue: a warm worker or a program at each place."""

from __future__ import annotations

from multiprocessing.connection import Connection, wait
from pathlib import Path

from executor.workers.memory_guard import MemoryGuard
from executor.workers.programs import Programs
from executor.workers.warm_processes import WarmProcesses
from executor.workers.workers import Event, Place, TrainingOrder, Workers
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Layout


class MixedWorkers(Workers):
    """Command jobs run as programs, all others in the warm workers ``processes``, each at its
    booked place. If ``with_models`` is false, warm workers are opened only when a model job comes
    after all. The output of the warm workers goes to ``folder``."""

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        folder: Path,
        with_models: bool = True,
        processes: type[WarmProcesses] = WarmProcesses,
    ) -> None:
        memory = MemoryGuard()
        self._models = processes(machine, layout, folder / "workers", memory)
        self._programs = Programs(folder, memory, layout.in_turn)
        self._with_models = with_models
        self._is_program: dict[Place, bool] = {}

    @property
    def startup_s(self) -> float:
        """Seconds that opening the models' workers took."""
        return self._models.startup_s

    def open(self) -> None:
        if self._with_models:
            self._models.open()

    def start(self, order: TrainingOrder) -> None:
        self._is_program[order.place] = is_program = order.job.command is not None
        if not (is_program or self._with_models):
            self._models.open_meanwhile()
            self._with_models = True
        self._at(order.place).start(order)

    def wait(self, timeout_s: float | None) -> None:
        if not (self._models.has_events or self._programs.has_events):
            models, programs = self._models.waitables(), self._programs.waitables()
            waitables: list[Connection | int] = [*models, *programs]
            wait(waitables, self._programs.patience_s(timeout_s))

    def events(self) -> list[Event]:
        return [*self._models.events(), *self._programs.events()]

    def replace_ended(self) -> None:
        self._models.replace_ended()

    def ask_to_stop(self, place: Place) -> None:
        if place in self._is_program:
            self._at(place).ask_to_stop(place)

    def cpu_s(self, place: Place) -> float:
        return self._at(place).cpu_s(place) if place in self._is_program else 0.0

    def processes(self, device: str) -> list[list[int]]:
        return [*self._models.processes(device), *self._programs.processes(device)]

    def memory_bytes(self, device: str) -> int:
        return self._models.memory_bytes(device) + self._programs.memory_bytes(device)

    def end(self, place: Place, why: RunFailed) -> None:
        if place in self._is_program:
            self._at(place).end(place, why)

    def cpu_seconds(self) -> float:
        return self._models.cpu_seconds() + self._programs.cpu_seconds()

    def close(self, grace_s: float) -> None:
        self._programs.close(grace_s)
        self._models.close(grace_s)

    def _at(self, place: Place) -> WarmProcesses | Programs:
        return self._programs if self._is_program[place] else self._models
