"""Names of the tasks that measure a machine; see :mod:`rmixer.training.tasks`."""

FASTEST_EXCHANGES = "profiles.machines.core_exchange:fastest_exchanges"
EXCHANGE = "profiles.machines.core_exchange:exchange"
MATMUL_GFLOPS = "profiles.machines.measure_machine:matmul_gflops"
GPUS = "profiles.machines.gpu_rates:gpus"
BUBBLE = "profiles.machines.bubble:bubble"
