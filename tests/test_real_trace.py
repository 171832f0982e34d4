"""An hour of real traffic, end to end."""

from pathlib import Path

import pytest

import ddbsim as ds

TRACE = Path(__file__).resolve().parents[2] / "shared" / "traces" / "elb_request_count_8c0756.csv"
pytestmark = pytest.mark.skipif(
    not TRACE.exists(), reason="the shared folder with the real trace is not beside the project"
)


def test_the_busiest_hour_of_a_real_load_balancer():
    workload = ds.TraceWrites(trace=str(TRACE), mean_rate_per_s=100, busiest_s=3_600)
    result = ds.simulate(ds.Scenario(workload=workload), rng=7, progress=False)
    log = result.stream_log
    expected = workload.expected_writes(3_600)
    # four standard deviations of a Poisson count
    assert abs(len(log) - expected) < 4 * expected**0.5
    assert expected / 3_600 > 100  # the busiest hour is busier than the mean
    assert len(log) == result.shards["records"].sum() == len(result.writes)
    counts = log["outcome"].value_counts()
    assert counts["processed"] + counts["waiting"] == len(log)
    # only the last moments can still be on their way
    assert log.loc[log["outcome"] == "waiting", "written_s"].min() > 3_590
    p50, p99 = result.latency((0.5, 0.99))["latency_s"]
    assert 0.1 < p50 < 0.5
    assert p50 < p99 < 2.0
