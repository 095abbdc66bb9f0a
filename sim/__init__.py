"""Stage 2: the simulator. Predicts how a schedule runs from the measured cost of its jobs'
steps."""

from sim.job_level.simulate import Level, SimulatedRun, simulate
from sim.operator_level.operator_level import OperatorLevel
from sim.operator_level.solved_mixes import Precision
from sim.simple_step_times.uncontended import Recorded, SumOfOperators, Uncontended

__all__ = [
    "Level",
    "OperatorLevel",
    "Precision",
    "Recorded",
    "SimulatedRun",
    "SumOfOperators",
    "Uncontended",
    "simulate",
]
