"""FLOPs and bytes of operators, from the shapes that they were called with."""
