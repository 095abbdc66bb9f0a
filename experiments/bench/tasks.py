"""Names of the tasks of benches; see :mod:`rmixer.training.tasks`."""

TIME_STEPS = "experiments.bench.timed_steps:time_steps"
LEARN = "experiments.bench.learning:learn"
