"""Names of the tasks that measure a step; see :mod:`rmixer.training.tasks`."""

SESSION = "profiles.in_worker.session:session"
IDLE_BYTES = "profiles.in_worker.session:idle_bytes"
