"""What a run leaves, on either clock: intervals on a timeline, and a summary."""
