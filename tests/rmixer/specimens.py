"""A machine and a profile, made up, for the tests of the vocabulary."""

from __future__ import annotations

from rmixer.hardware.fingerprint import Fingerprint
from rmixer.hardware.machine import Gpu, Machine
from rmixer.model_profile.model_profile import MemoryCost, ModelProfile, StepCost, StepMeasurement
from rmixer.operators.operator_cost import OperatorCost
from rmixer.workload.cost_identity import CostIdentity

FINGERPRINT = Fingerprint(
    hardware="Example CPU, 4 cores",
    system="Linux 6.1",
    driver="",
    python="3.11.7",
    torch="2.13.0",
    rmixer="0.1.0",
    commit="123456789e12",
    training="OMP_WAIT_POLICY=PASSIVE",
)

MACHINE = Machine(
    name="example",
    origin="measured",
    processor="Example CPU: 1e3",
    cores=(0, 1, 4, 5),
    sockets=1,
    cache_bytes={"L1d": 32768, "L3": 33554432},
    memory_bytes=8 << 30,
    core_capacity=(1.0, 1.9, 2.4, 3.0),
    bandwidth_gbps=(10.0, 18.0, 1e-05, 22.5),
    matmul_gflops=(60.0, 118.0, 150.0, 190.0),
    worker_startup_s=2.25,
    probe_s=0.05,
    gpus=(
        Gpu("Example GPU", 80 << 30, 132, 3000.0, 25.0, 4.5, 50_000.0),
        Gpu("Unmeasured GPU", 16 << 30, 80),
    ),
    fingerprint=FINGERPRINT,
)

IDENTITY = CostIdentity(
    model="criteo_dlrm",
    architecture="rmixer.models.dlrm:DLRM",
    config={"dense": 13, "top_mlp": [512, 256, 1]},
    batch=256,
    optimizer="adam",
    precision="fp32",
    rows_cap=None,
    data="criteo_kaggle:synthetic",
    source="0011223344556677",
)

MEASUREMENT = StepMeasurement(
    n=200,
    stalls=1,
    half_width=0.012,
    repeatability=0.02,
    rounds=6,
    dropped_rounds=1,
    closure={"cpu": -0.02},
)

STEP = StepCost(
    device="cpu",
    threads=1,
    mean_us=1000.5,
    p10_us=950.0,
    p50_us=990.0,
    p90_us=1100.0,
    stall_us=12.5,
    scale={"cpu": 1.02},
    compute_slowdown=(1.01, 1.02, 1.05),
    stream_slowdown=(1.1, 1.3, 1.7),
    pressure=0.4,
    build_s=0.5,
    warmup_s=0.1,
    evaluate_s=0.2,
    save_s=0.3,
    measurement=MEASUREMENT,
)

OPERATOR = OperatorCost(
    index=0,
    phase="forward",
    module="top.0",
    operator="aten::addmm",
    forward_index=-1,
    shapes='[[256, 512], "a,b"]',
    flops=67108864,
    read_bytes=1024,
    written_bytes=2048,
    lane="cpu",
    threads=1,
    p10_us=90.125,
    p50_us=100.0,
    p90_us=120.5,
    mean_us=101.25,
    gap_before_us=0.0,
    host_us=0.0,
)

PROFILE = ModelProfile(
    identity=IDENTITY,
    machine="example",
    origin="measured",
    steps=(STEP,),
    memory=(MemoryCost("cpu", 100, 100, 200, 50, 1000, 1450),),
    startup_s=1.5,
    warmup_steps=10,
    flops=67108864,
    bytes=3072,
    intensity=21845.3,
    bandwidth_gbps=3.07,
    utilisation={"cpu": 0.75},
    job_type={"cpu": "compute"},
    probe_s=0.05,
    fingerprint=FINGERPRINT,
    operators=(OPERATOR,),
)
