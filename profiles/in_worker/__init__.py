"""Code that runs in the profiled process: the step with and without the profiler."""
