"""A user's own modules and programs: found, hashed, run with care."""
