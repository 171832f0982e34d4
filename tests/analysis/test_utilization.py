"""Rates and concurrency against sums over every record and invocation."""

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.analysis.utilization import busy_share, throughput

STEP_S = 0.5


@pytest.fixture(scope="module")
def result():
    function = ds.Function(duration=ds.Duration(base_s=0.4), reserved_concurrency=2, timeout_s=3)
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=30),
        table=ds.Table(partitions=3),
        event_source_mappings=ds.EventSourceMapping(function=function, batch_size=10),
        duration_s=20,
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    assert {"success", "throttled", "running"} <= set(result.invocations["outcome"])
    return result


def overlap_s(start_s, end_s, low_s, high_s):
    return max(0.0, min(end_s, high_s) - max(start_s, low_s))


def test_rates_are_counts_per_step(result):
    log, ran = result.stream_log, result.invocations.query("outcome != 'throttled'")
    for row in result.throughput(every_s=STEP_S).itertuples():
        low_s = row.at_s - STEP_S
        first = low_s == 0

        def count(times, low_s=low_s, high_s=row.at_s, first=first):
            return ((times > low_s) | (first & (times == 0))).mul(times <= high_s).sum() / STEP_S

        assert row.written_per_s == count(log["written_s"])
        assert row.completed_per_s == count(log["completed_s"])
        assert row.invocations_per_s == count(ran["started_s"])


def test_a_write_at_0_s_counts(result):
    assert result.stream_log["written_s"].min() == 0.0
    frame = result.throughput(every_s=1.0)
    assert frame["written_per_s"].sum() == (result.stream_log["written_s"] <= 20).sum()


def test_concurrency_is_the_time_spent_running_per_step(result):
    ran = result.invocations.query("outcome != 'throttled'")
    ends = (ran["started_s"] + ran["init_s"] + ran["duration_s"]).fillna(result.ended_s)
    spans = list(zip(ran["started_s"], ends, strict=True))
    for row in result.throughput(every_s=STEP_S).itertuples():
        busy_s = sum(overlap_s(start, end, row.at_s - STEP_S, row.at_s) for start, end in spans)
        assert row.concurrency == pytest.approx(busy_s / STEP_S, abs=1e-9)


def test_concurrency_never_exceeds_what_is_reserved(result):
    assert 1.5 < result.throughput()["concurrency"].max() <= 2.0 + 1e-9


def test_the_busy_share_is_the_mean_concurrency_over_the_lanes(result):
    share = busy_share(result.invocations, 3 * result.ended_s, ended_s=result.ended_s)
    assert share == pytest.approx(result.throughput(every_s=STEP_S)["concurrency"].mean() / 3)
    assert busy_share(result.invocations[:0], 60.0, ended_s=20.0) == 0.0


def test_of_the_busy_share_only_what_lies_inside_counts_and_what_still_runs_has_run_to_the_end():
    rows = [("success", 1.0, 2.0), ("error", 4.0, 3.0), ("running", 8.0, np.nan), ("throttled", 5.0, 9.0)]
    ran = pd.DataFrame(rows, columns=["outcome", "started_s", "duration_s"]).assign(init_s=0.0)
    # of 1..3 a second, of 4..7 all of it, of 8.. until 10
    assert busy_share(ran, 20.0, begin_s=2.0, ended_s=10.0) == (1 + 3 + 2) / 20
    assert busy_share(ran, 0.5, begin_s=8.5, ended_s=8.75) == 0.25 / 0.5


def test_each_mapping_has_its_own_rates():
    pair = tuple(ds.EventSourceMapping(name=name, batch_size=size) for name, size in (("small", 1), ("large", 100)))
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=60), event_source_mappings=pair, duration_s=10)
    frame = ds.simulate(scenario, rng=7, progress=False).throughput(every_s=1.0)
    means = frame.groupby("event_source_mapping")[["written_per_s", "invocations_per_s"]].mean()
    assert means.loc["small", "written_per_s"] == means.loc["large", "written_per_s"]
    assert means.loc["small", "invocations_per_s"] > 1.5 * means.loc["large", "invocations_per_s"]


def test_frames_without_rows_give_a_frame_without_rows(result):
    nothing = throughput(result.stream_log[:0], result.invocations[:0])
    assert nothing.empty
    assert list(nothing) == list(result.throughput())


def test_the_end_is_the_last_write_unless_it_is_told():
    log = pd.DataFrame({"event_source_mapping": "m", "written_s": [1.0, 4.0], "completed_s": [1.5, np.nan]})
    none = pd.DataFrame(
        {"event_source_mapping": [], "outcome": [], "started_s": [], "init_s": [], "duration_s": []}, dtype=float
    )
    assert throughput(log, none, every_s=1.0)["at_s"].tolist() == [1.0, 2.0, 3.0, 4.0]
    told = throughput(log, none, every_s=1.0, ended_s=2.0)
    assert told["completed_per_s"].tolist() == [0.0, 1.0]
    assert told["concurrency"].tolist() == [0.0, 0.0]
