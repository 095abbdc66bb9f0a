"""Files at the boundary: typed reading, whole writing, folders, the lock on a run folder."""
