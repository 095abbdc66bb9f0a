"""Explains the length of a predicted schedule: its use of resources and the cost of co-running
jobs."""
