"""Lag against a recomputation that asks, instant by instant and record by record, what was open."""

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.analysis.lag import grid, lag


def simulate(**changes):
    mapping = changes.pop("mapping", {})
    function = changes.pop("function", {})
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=25, keys=ds.UniformKeys(items=40)),
        table=ds.Table(partitions=2),
        stream=changes.pop("stream", ds.Stream()),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(**function), batch_size=5, **mapping),
        duration_s=20,
    )
    return ds.simulate(scenario, rng=7, progress=False)


OUTAGE = {"failures": ds.Failures(outages=ds.Outage(start_s=4, end_s=12))}
CASES = {
    "steady": {},
    "backlog": {"function": {"duration": ds.Duration(base_s=0.6)}},
    "lanes": {"function": OUTAGE, "mapping": {"parallelization_factor": 3}},
    "discards": {"function": OUTAGE, "mapping": {"maximum_retry_attempts": 1}},
    "bisected": {
        "function": {"failures": ds.Failures(poison_items=(3,))},
        "mapping": {"maximum_retry_attempts": 0, "bisect_batch_on_function_error": True},
    },
    "expiry": {"function": OUTAGE, "stream": ds.Stream(retention_s=3.0)},
}


def settled_s(result):
    """When each record of the log was settled, looked up one by one."""
    at = []
    for record in result.stream_log.itertuples():
        when = record.completed_s
        for drop in result.discards.itertuples():
            spans = drop.first_sequence_number <= record.sequence_number <= drop.last_sequence_number
            if record.outcome in ("discarded", "expired") and drop.shard_id == record.shard_id and spans:
                when = drop.discarded_s
        at.append(np.inf if np.isnan(when) else when)
    return np.array(at)


@pytest.mark.parametrize("case", CASES)
def test_lag_equals_a_count_at_each_instant(case):
    result = simulate(**CASES[case])
    outcomes = set(result.stream_log["outcome"])
    assert {"discards": "discarded", "bisected": "discarded", "expiry": "expired"}.get(case, "processed") in outcomes
    records = result.stream_log.assign(settled_s=settled_s(result))
    frame = result.lag(every_s=0.5)
    assert len(frame) == 2 * 40
    for row in frame.itertuples():
        known = records[(records["shard_id"] == row.shard_id) & (records["written_s"] <= row.at_s)]
        still_open = known[known["settled_s"] > row.at_s]
        assert row.records_behind == len(still_open)
        age = row.at_s - still_open["written_s"].min() if len(still_open) else 0.0
        assert row.seconds_behind == pytest.approx(age)


def test_iterator_age_is_the_oldest_sent_in_each_step():
    result = simulate(**CASES["lanes"])
    sent = result.invocations[result.invocations["outcome"] != "throttled"]
    frame = result.lag(every_s=0.5)
    for row in frame.itertuples():
        inside = sent["started_s"].gt(row.at_s - 0.5) & sent["started_s"].le(row.at_s)
        ages = sent[inside & (sent["shard_id"] == row.shard_id)]["iterator_age_s"]
        assert row.iterator_age_s == pytest.approx(ages.max(), nan_ok=True)
    assert frame["iterator_age_s"].isna().any()


@pytest.mark.parametrize("case", CASES)
def test_the_largest_lag_is_exact_and_no_sample_is_above_it(case):
    result = simulate(**CASES[case])
    records = result.stream_log.assign(settled_s=settled_s(result))
    ages = records["settled_s"].clip(upper=result.ended_s) - records["written_s"]
    frame = result.largest_lag().set_index("shard_id")
    assert frame["largest_s"].to_dict() == pytest.approx(
        ages.groupby(records["shard_id"], observed=True).max().to_dict()
    )
    still_open = ages.where(records["settled_s"] > result.ended_s, 0.0)
    assert frame["at_the_end_s"].to_dict() == pytest.approx(
        still_open.groupby(records["shard_id"], observed=True).max().to_dict()
    )
    samples = result.lag().groupby("shard_id")["seconds_behind"].max()
    assert (samples <= frame["largest_s"].loc[samples.index] + 1e-9).all()
    numbers = result.numbers(result.scenario.mappings[0])
    assert numbers.lag_max_s == frame["largest_s"].max()
    assert numbers.lag_end_s == frame["at_the_end_s"].max()


def test_what_waits_at_the_end_counts_whenever_it_was_written():
    function = ds.Function(failures=ds.Failures(outages=ds.Outage(start_s=4, end_s=20)))
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=20),
        event_source_mappings=ds.EventSourceMapping(function=function),
        duration_s=20,
        warmup_s=10,
    )
    numbers = ds.simulate(scenario, rng=7, progress=False).numbers(scenario.mappings[0])
    assert 15 < numbers.lag_end_s <= 16.5
    assert numbers.lag_max_s == numbers.lag_end_s


def test_lag_of_an_outage_falls_back_to_nothing():
    frame = simulate(function=OUTAGE).lag(every_s=1.0)
    worst = frame.groupby("at_s")["seconds_behind"].max()
    assert worst[12.0] > 7.0
    assert worst[3.0] < 1.5
    assert worst[20.0] < 1.5


def test_a_run_that_ends_early_has_no_lag_beyond_its_end():
    result = simulate()
    frame = lag(result.stream_log, result.invocations, result.discards, every_s=1.0, ended_s=5.0)
    assert frame["at_s"].max() == 5.0


def test_frames_without_rows_give_a_frame_without_rows():
    result = simulate()
    nothing = lag(result.stream_log[:0], result.invocations[:0], result.discards[:0])
    assert nothing.empty
    assert list(nothing) == list(result.lag())


def test_the_grid_holds_the_ends_of_whole_steps():
    assert grid(0.1, 1.0).tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert grid(25.0, 60.0).tolist() == [25.0, 50.0]
    assert len(grid(None, 600.0)) == 200
    assert grid(None, 600.0)[-1] == 600.0
    assert grid(None, 0.0).tolist() == []
    assert grid(np.float32(2.0), 4.0).tolist() == [2.0, 4.0]


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf"), 1e-9, "1"])
def test_steps_out_of_range_are_refused(wrong):
    with pytest.raises(
        ValueError, match=r"every_s must be a number > 0 and >= 0\.0006 \(a millionth of the run\), got"
    ):
        grid(wrong, 600.0)


def test_lag_of_one_mapping_says_nothing_of_another():
    slow = ds.EventSourceMapping(
        name="slow", function=ds.Function(name="s", duration=ds.Duration(base_s=0.9)), batch_size=2
    )
    quick = ds.EventSourceMapping(name="quick", function=ds.Function(name="q"))
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=30), event_source_mappings=(slow, quick), duration_s=20)
    behind = (
        ds.simulate(scenario, rng=7, progress=False).lag(5.0).groupby("event_source_mapping")["records_behind"].max()
    )
    assert isinstance(behind, pd.Series)
    assert behind["slow"] > 20 > behind["quick"]
