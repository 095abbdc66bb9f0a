"""Stage 3: the executor. Trains the jobs of a schedule for real and records the run."""
