"""From stamps to a profile, by runs made up so that every figure is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_programs import make_command_job

from profiles.programs.command_assemble import assemble_command
from profiles.programs.command_run import Block, CommandRun
from rmixer.errors import RunFailed
from rmixer.testing.made_up import make_machine

JOB = make_command_job()
MACHINE = make_machine(cores=2)


def made_up_run(gpu_s: float | None = None) -> CommandRun:
    """Started at 100. The first step ends 3 s later, the next two take 0.5 s and 0.3 s, then each
    takes 0.1 s, and beside bubbles 0.15 s (compute) and 0.2 s (stream)."""
    ends_s = [103.0, 103.5, 103.8]

    def steps(count: int, each_s: float) -> tuple[float, float]:
        begin_s = ends_s[-1]
        ends_s.extend(begin_s + each_s * (1 + at) for at in range(count))
        return begin_s, ends_s[-1]

    steps(10, 0.1)
    run = CommandRun(threads=1, started_s=100.0, pressures=[0.4, 0.6, 0.5])
    for index in range(3):
        for beside, each_s in ((None, 0.1), (("compute", 1), 0.15), (("stream", 1), 0.2)):
            begin_s, end_s = steps(20, each_s)
            # Just inside the first and the last step: 18 whole ones.
            block = Block(index, begin_s + 0.01, end_s - 0.01, beside, core_s=20 * 0.04)
            run.blocks.append(replace(block, gpu_s=gpu_s))
    run.ends_s = np.asarray(ends_s)
    run.peak_bytes, run.gpu_bytes = 700, 500
    return run


def test_the_step_alone() -> None:
    (step,) = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1).steps
    assert (step.device, step.threads, step.scale) == ("cpu", 1, {})
    assert step.measurement
    assert (step.measurement.n, step.measurement.stalls) == (3 * 18, 0)
    for figure_us in (step.mean_us, step.p10_us, step.p50_us, step.p90_us):
        assert figure_us == pytest.approx(100_000)
    assert step.measurement.half_width == pytest.approx(0, abs=1e-9)
    assert step.measurement.closure == {}


def test_processor_time_of_a_step_is_its_rate_in_the_blocks_alone() -> None:
    """0.8 core-seconds in 1.98 s of the clock, at 0.1 s a step."""
    (step,) = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1).steps
    assert step.core_us == pytest.approx(0.8 / 1.98 * 100_000)


def test_beside_bubbles() -> None:
    (step,) = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1).steps
    assert step.compute_slowdown == (1.5,)
    assert step.stream_slowdown == (2.0,)
    assert step.pressure == 0.5


def test_warming_up_and_building_share_the_time_before_the_second_step() -> None:
    """Two steps are seen to be slow; the first, seen only to end, is one of them, and is taken to
    be no slower than a settled one."""
    profile = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1)
    assert profile.warmup_steps == 3
    assert profile.steps[0].warmup_s == pytest.approx(0.1 + 0.5 + 0.3)
    assert profile.steps[0].build_s == pytest.approx(3.0 - 0.1)


def test_a_program_that_is_fast_at_once_has_no_warm_up() -> None:
    run = made_up_run()
    run.ends_s = np.concatenate([[103.7], run.ends_s[2:]])
    profile = assemble_command(JOB, MACHINE, [run], probe_s=0.1)
    assert (profile.warmup_steps, profile.steps[0].warmup_s) == (0, 0.0)


def test_what_cannot_be_known_is_not_invented() -> None:
    profile = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1)
    assert profile.operators == ()
    assert [profile.flops, profile.bytes, profile.intensity, profile.bandwidth_gbps] == [None] * 4
    (memory,) = profile.memory
    assert (memory.device, memory.peak_bytes) == ("cpu", 700)
    assert memory.parameter_bytes is None
    assert memory.activation_bytes is None
    assert profile.steps[0].gpu_us is None


def test_type_and_utilisation() -> None:
    """40% of a core; streams slow it 1.33 times as much as computing does."""
    profile = assemble_command(JOB, MACHINE, [made_up_run()], probe_s=0.1)
    assert profile.utilisation == {"cpu": pytest.approx(0.8 / 1.98)}
    assert profile.job_type == {"cpu": "memory"}
    on_two = assemble_command(JOB, MACHINE, [replace(made_up_run(), threads=2)], probe_s=0.1)
    assert on_two.utilisation == {"cpu": pytest.approx(0.8 / 1.98 / 2)}


def test_on_a_gpu_the_figures_are_the_gpus() -> None:
    assert JOB.command is not None
    job = replace(JOB, command=replace(JOB.command, gpus=1))
    profile = assemble_command(job, MACHINE, [made_up_run(gpu_s=0.6)], probe_s=0.1)
    assert [step.device for step in profile.steps] == ["gpu"]
    assert profile.steps[0].gpu_us == pytest.approx(0.6 / 1.98 * 100_000)
    assert (profile.memory[0].device, profile.memory[0].peak_bytes) == ("gpu", 500)
    assert profile.utilisation == {"gpu": pytest.approx(0.6 / 1.98)}


def test_a_gpu_of_which_nothing_tells_how_busy_it_is_may_be_busy_all_the_while() -> None:
    assert JOB.command is not None
    job = replace(JOB, command=replace(JOB.command, gpus=1))
    profile = assemble_command(job, MACHINE, [made_up_run(gpu_s=None)], probe_s=0.1)
    assert profile.steps[0].gpu_us is None
    assert profile.utilisation == {"gpu": 1.0}


def test_the_peak_is_that_of_the_largest_run() -> None:
    runs = [made_up_run(), replace(made_up_run(), threads=2, peak_bytes=900)]
    profile = assemble_command(JOB, MACHINE, runs, probe_s=0.1)
    assert profile.memory[0].peak_bytes == 900
    assert [step.threads for step in profile.steps] == [1, 2]


def test_blocks_too_short_for_a_step() -> None:
    run = made_up_run()
    run.blocks = [replace(block, end_s=block.begin_s + 0.05) for block in run.blocks]
    with pytest.raises(RunFailed, match="too slow to be measured in this time"):
        assemble_command(JOB, MACHINE, [run], probe_s=0.1)
