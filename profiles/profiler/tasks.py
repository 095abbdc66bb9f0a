"""Names of the tasks that look at a job before it is profiled; see :mod:`rmixer.training.tasks`."""

IMPORT_BUILD = "profiles.profiler.door:import_build"
