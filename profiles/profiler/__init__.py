"""The profiler: selects jobs, processes and their order, and refuses impossible jobs before."""
