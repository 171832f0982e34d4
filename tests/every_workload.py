"""A workload of every kind, for what has to hold of all."""

import ddbsim as ds
from ddbsim.randomness import RandomStreams

MIX = ds.OperationMix(insert=0.3, modify=0.3, remove=0.2, no_op=0.1, condition_failed=0.1)
DRAWN = {"item_bytes": ds.LogNormal(median=900, p99=4_000), "keys": ds.Zipfian(items=200), "operations": MIX}
ROWS = [
    (n / 10, "delete", {"pk": f"k{n % 7}"}) if n % 3 == 2 else (n / 10, "put", {"pk": f"k{n % 7}", "sort": n // 2})
    for n in range(599)
]


def given():
    return ds.ReplayWrites(columns=ds.PoissonWrites(rate_per_s=200, **DRAWN).draw(60, RandomStreams(3)))


WORKLOADS = {
    "PoissonWrites": lambda: ds.PoissonWrites(rate_per_s=500, **DRAWN),
    "ConstantWrites": lambda: ds.ConstantWrites(rate_per_s=500, **DRAWN | {"item_bytes": 2_500}),
    "TraceWrites": lambda: ds.TraceWrites(
        trace=ds.Trace(start="2026-01-01T00:00:00", period_s=60, counts=(9_000,) * 9),
        **DRAWN | {"keys": ds.HotSet(items=90, hot_items=3, hot_share=0.4)},
    ),
    "ClosedLoopWrites": lambda: ds.ClosedLoopWrites(
        clients=50, think_s=0.1, **DRAWN | {"keys": ds.UniformKeys(items=50)}
    ),
    "BatchedWrites": lambda: ds.BatchedWrites(workload=ds.PoissonWrites(rate_per_s=500, **DRAWN), size=5),
    "TransactedWrites": lambda: ds.TransactedWrites(
        workload=ds.PoissonWrites(rate_per_s=500, **DRAWN | {"keys": ds.UniformKeys(items=100_000)}), size=5
    ),
    "ReplayWrites": given,
    "ItemWrites": lambda: ds.ItemWrites(ROWS),
    "ycsb": lambda: ds.ycsb("A", ops_per_s=500),
    "flash_sale": lambda: ds.flash_sale(base_per_s=50, peak_per_s=500, at_s=20, lasting_s=30),
    "SequentialKeys": lambda: ds.PoissonWrites(rate_per_s=500, keys=ds.SequentialKeys(items=40)),
}
