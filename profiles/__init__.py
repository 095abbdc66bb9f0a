"""Stage 1: the profiler. Measures the cost of jobs' training steps and stores it."""
