"""The cost of a training step on one machine: the product of profiling, the input of simulation."""
