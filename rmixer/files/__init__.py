"""Files at the boundary: typed reading, atomic writing, folders, the lock on a run folder."""
