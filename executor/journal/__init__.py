"""What a run writes down before it acts, so that it can go on after any interruption."""
