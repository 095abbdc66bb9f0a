"""Tables for a terminal, one a file."""
