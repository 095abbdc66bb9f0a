"""Names of the tasks that measure memory; see :mod:`rmixer.training.tasks`."""

TENSOR_BYTES = "profiles.memory.memory_measurement:tensor_bytes"
CONTEXT_BYTES = "profiles.memory.memory_measurement:context_bytes"
