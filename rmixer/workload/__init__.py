"""The training to be done: jobs, the workload file, and the key of jobs of equal cost."""

from rmixer.workload.workload import Job, Workload

__all__ = ["Job", "Workload"]
