"""Progress of work between two events, and the order of things within one instant."""
