"""The default delays against the one published measurement of write -> handler through DynamoDB Streams.

bitesizedserverless.com, "Serverless messaging latency compared", eu-west-1, September 2022: 1,024 writes at a low rate,
each to its own invocation. P10, P50, P90, P99 of 118, 213, 341, 552 ms.
"""

from __future__ import annotations

import numpy as np

import ddbsim as ds

PUBLISHED_S = {0.10: 0.118, 0.50: 0.213, 0.90: 0.341, 0.99: 0.552}


def low_rate(rng: int) -> ds.Result:
    function = ds.Function(name="handler", memory_mb=3_072)
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=1.0),
        table=ds.Table(partitions=1),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        event_source_mappings=ds.EventSourceMapping(function=function, batch_size=1),
        duration_s=7_200.0,
    )
    return ds.simulate(scenario, rng=rng, progress=False)


def warm_waits_s(result: ds.Result) -> np.ndarray:
    """Return written -> received of the records whose invocation was no cold start."""
    log = result.stream_log[result.stream_log["outcome"] == "processed"]
    parts = result.latency_parts
    warm = (parts["cold_start_s"] == 0).to_numpy()
    return (log["received_s"] - log["written_s"]).to_numpy()[warm]


def test_quantiles_of_the_latency_are_those_that_were_measured():
    # each run has its own phase of the poller against the writes
    waits_s = np.concatenate([warm_waits_s(low_rate(rng)) for rng in range(5)])
    assert len(waits_s) > 30_000
    measured = np.quantile(waits_s, list(PUBLISHED_S))
    np.testing.assert_allclose(measured, list(PUBLISHED_S.values()), rtol=0.15)


def test_the_poller_makes_most_of_it():
    parts = low_rate(7).waits().set_index("part")["mean_s"]
    # a write falls anywhere between two polls: half of the interval on average
    assert abs(parts["poll_wait"] - 0.125) < 0.005
    assert parts["poll_wait"] == parts.drop("handler").max()
