"""What a training step costs on one machine: the product of profiling, the input of simulation."""
