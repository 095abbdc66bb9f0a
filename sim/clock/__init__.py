"""Progress between events, and what happens at one instant."""
