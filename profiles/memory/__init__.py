"""Peak memory of training: predicted without running it, on a CPU and on a GPU, and measured."""
