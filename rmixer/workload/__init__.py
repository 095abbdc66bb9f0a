"""What is to be trained: jobs, the workload file, and what makes two jobs cost the same."""

from rmixer.workload.workload import Job, Workload

__all__ = ["Job", "Workload"]
