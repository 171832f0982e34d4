"""What a billing mode costs the simulation: a table that limits nothing, one with room, and one that throttles.

    python tests/benchmarks/table.py

All in one process, in turns, every second round backwards; a ratio is taken within its round, of processor seconds, and
the median of the rounds is told. The writes are those of one seed: what is timed is a run up to its finished log.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import ddbsim as ds

ROUNDS = 7
DURATION_S = 120.0
RATE_PER_S = 5_000.0


def scenario(billing: ds.Provisioned | ds.OnDemand | None) -> ds.Scenario:
    """Return 5,000 writes/s of one unit each on 16 partitions, none of them hot."""
    law = ds.Duration(base_s=0.015, per_record_s=0.0004)
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=RATE_PER_S, item_bytes=900, keys=ds.UniformKeys(items=100_000)),
        table=ds.Table(partitions=16, billing=billing),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(memory_mb=512, duration=law)),
        duration_s=DURATION_S,
    )


CONTESTANTS: dict[str, ds.Provisioned | ds.OnDemand | None] = {
    "no mode": None,
    "on demand": ds.OnDemand(warm_write_units_per_s=12_000),
    "provisioned": ds.Provisioned(write_capacity_units=12_000),
    "throttled": ds.Provisioned(write_capacity_units=4_000, burst_s=0),
}


def seconds(what: Callable[[], object]) -> float:
    """Return the processor seconds of a call."""
    gc.collect()
    begin = time.process_time()
    what()
    return time.process_time() - begin


def logged(billing: ds.Provisioned | ds.OnDemand | None) -> int:
    """Run to the finished log; return the attempts that were throttled."""
    result = ds.simulate(scenario(billing), rng=7, progress=False)
    assert len(result.stream_log)
    return int(result.table_load["throttles"].sum())


def main() -> None:
    """Print the ratios."""
    throttles = {name: logged(billing) for name, billing in CONTESTANTS.items()}  # and once to warm up
    rounds = []
    for number in range(ROUNDS):
        turn = list(CONTESTANTS)[:: 1 if number % 2 == 0 else -1]
        rounds.append({name: seconds(lambda name=name: logged(CONTESTANTS[name])) for name in turn})
    for name in CONTESTANTS:
        print(
            f"{name:<12} {statistics.median(times[name] for times in rounds):6.2f} s, {throttles[name]:>9,} throttles"
        )
    for slow, fast in (("on demand", "no mode"), ("provisioned", "on demand"), ("throttled", "provisioned")):
        ratios = sorted(times[fast] / times[slow] for times in rounds)
        print(
            f"{slow} runs at {statistics.median(ratios):.3f} of the speed of {fast} ({ratios[0]:.3f}..{ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    main()
