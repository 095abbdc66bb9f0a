"""What can only be seen on a machine with a GPU, seen in one command: ``make gpu-check``."""
