"""What other software measured: profiles from a trace, durations from a table."""
