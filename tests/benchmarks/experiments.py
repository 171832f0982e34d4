"""Experiments by the clock: two workers against one, and the planner's question.

    python tests/benchmarks/experiments.py

On a busy machine the ratio says little; the processor seconds of the answer hold.
"""

from __future__ import annotations

import resource
import time

import ddbsim as ds

SPACE = {
    "batch_size": [50, 100, 250, 500, 1_000],
    "maximum_batching_window_in_seconds": [0, 1],
    "parallelization_factor": [1, 2, 4],
    "memory_mb": [256, 512],
}


def scenario(duration_s: float) -> ds.Scenario:
    """5,000 writes/s on 8 shards."""
    law = ds.Duration(base_s=0.015, per_record_s=0.0004)
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=5_000, item_bytes=ds.LogNormal(median=900, p99=4_000), keys=ds.Zipfian(items=100_000)
        ),
        table=ds.Table(partitions=8),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(memory_mb=512, duration=law)),
        duration_s=duration_s,
        warmup_s=60.0,
    )


def seconds(workers: int) -> float:
    """Return how long 8 runs of 80 s take."""
    begin = time.perf_counter()
    ds.replicate(scenario(80.0), 8, rng=7, executor=workers, progress=False)
    return time.perf_counter() - begin


def main() -> None:
    """Print both."""
    one, two = seconds(1), seconds(2)
    print(f"8 runs: one worker {one:.1f} s, two workers {two:.1f} s, ratio {one / two:.2f}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    answer = ds.solve(scenario(600.0), slo=ds.SLO(latency_p99_s=2.0), vary=SPACE, rng=7, progress=False)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    print(answer)
    print(f"{answer.effort.seconds:.0f} s by the clock, {spent:.0f} s of processors")


if __name__ == "__main__":
    main()
