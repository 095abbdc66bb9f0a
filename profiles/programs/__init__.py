"""Command jobs: training programs that are profiled as they are, by running them."""
