"""The profiler: which jobs, which processes, in which order; what is refused before."""
