"""FLOPs and bytes of operators, from the shapes of their arguments."""
