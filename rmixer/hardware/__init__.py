"""The machine, its fingerprint, and the lock on its cores."""
