"""Plain networks: our models written directly from their papers, for comparison."""
