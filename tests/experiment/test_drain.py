"""After an outage: against the fluid's closed form, and where the stream begins to forget."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.outage.drain import fluid_drain_s

QUIET = {"rng": 7, "executor": "serial", "progress": False}


def lane(rate_per_s, retention_s=86_400.0, activation_s=0.0, **mapping):
    """One lane of constant batches: a fluid but for its polls."""
    function = ds.Function(
        name="indexer", duration=ds.Duration(base_s=0.095), cold_start=ds.ColdStart(init=0, placement_s=0)
    )
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s),
        table=ds.Table(partitions=1),
        stream=ds.Stream(visibility_delay=0.05, retention_s=retention_s),
        event_source_mappings=ds.EventSourceMapping(
            batch_size=10,
            function=function,
            poller=ds.Poller(turnaround_s=0.005, activation_delay=activation_s),
            **mapping,
        ),
        duration_s=120,
        warmup_s=10,
    )


def to_drain_s(outage_s, rate_per_s, activation_s):
    """From the enabling: the mapping begins again, and the backlog of the whole time away drains (10 records/0.1 s)."""
    return activation_s + fluid_drain_s(outage_s + activation_s, rate_per_s, 100.0)


@pytest.mark.parametrize(("rate_per_s", "activation_s"), [(20, 0.0), (50, 0.0), (50, 40.0)])
def test_a_backlog_drains_as_a_fluid_does(rate_per_s, activation_s):
    expected = to_drain_s(120.0, rate_per_s, activation_s)
    scenario = lane(rate_per_s, activation_s=activation_s)
    row = ds.drain(scenario, outage_s=120.0, vary=[], replications=6, confidence=0.99, **QUIET).frame.iloc[0]
    # the first poll is up to a quarter of a second late
    assert row["low"] - 0.5 <= expected <= row["high"] + 0.5
    assert row["drain_s"] == pytest.approx(expected, rel=0.1)
    assert 120.0 + activation_s < row["peak_lag_s"] < 121.0 + activation_s


def test_a_long_outage_is_told_from_short_ones(monkeypatch):
    monkeypatch.setattr(sys.modules["ddbsim.experiment.outage.outage"], "_MOST_WRITES", 6_000.0)
    told = ds.drain(lane(20, activation_s=30), outage_s=3_600.0, vary=[], replications=6, confidence=0.99, **QUIET)
    assert told.simulated_s < 300
    row = told.frame.iloc[0]
    assert row["low"] <= to_drain_s(3_600.0, 20, 30.0) <= row["high"]
    assert row["high"] - row["low"] < 0.5 * row["drain_s"]
    assert row["peak_lag_s"] == pytest.approx(3_630, abs=1)
    assert "from simulated outages up to" in repr(told)


def lost(scenario, outage_s, outcome):
    """Return how many records are lost if the mapping is disabled for so long."""
    mapping = replace(scenario.mappings[0], suspensions=ds.Suspension(start_s=40, end_s=40 + outage_s))
    run = ds.simulate(replace(scenario, event_source_mappings=mapping, duration_s=300), rng=7, progress=False)
    return int((run.stream_log["outcome"] == outcome).sum())


@pytest.mark.parametrize(
    ("limits", "outcome", "expiry_age_s"),
    [({"retention_s": 90.0}, "expired", 90.0), ({"maximum_record_age_in_seconds": 120}, "discarded", 120.0)],
)
def test_nothing_is_lost_before_the_last_return_and_something_after(limits, outcome, expiry_age_s):
    scenario = lane(20, activation_s=25.0, **limits)
    row = ds.drain(scenario, outage_s=30.0, vary=[], replications=3, **QUIET).frame.iloc[0]
    # the first batch is sent at a poll, up to a quarter of a second after the mapping began again
    assert expiry_age_s - 25.5 < row["last_return_s"] < expiry_age_s - 25.0
    assert row["last_return_low_s"] < row["last_return_s"] < row["last_return_high_s"] <= expiry_age_s
    assert row["last_return_high_s"] - row["last_return_low_s"] < 1
    assert lost(scenario, row["last_return_low_s"] - 0.25, outcome) == 0
    assert lost(scenario, row["last_return_high_s"] + 0.5, outcome) > 0


def test_what_is_no_longer_kept_waits_for_nobody():
    told = ds.drain(lane(50, retention_s=90.0), outage_s=600.0, vary=[], replications=3, **QUIET)
    at_most = ds.drain(lane(50, retention_s=90.0), outage_s=90.0, vary=[], replications=3, **QUIET)
    assert told.frame["drain_s"][0] == pytest.approx(at_most.frame["drain_s"][0], rel=0.15)
    assert told.frame["peak_lag_s"][0] == 90.0
    assert "records are lost by then if it is not back within 1 min 29 s" in repr(told)


def test_the_life_of_the_mapping_is_the_outage_alone():
    plain = ds.drain(lane(20), outage_s=30.0, vary=[], replications=2, **QUIET)
    lively = lane(20, created_s=20.0, suspensions=ds.Suspension(start_s=15, end_s=500))
    assert ds.drain(lively, outage_s=30.0, vary=[], replications=2, **QUIET).frame.equals(plain.frame)


def test_records_that_a_filter_stops_leave_no_gap():
    pattern = {"dynamodb": {"NewImage": {"kind": {"S": ["order"]}}}}
    filtered = lane(50, filter_criteria=pattern, filter_match_fraction=0.5)
    drained = ds.drain(filtered, outage_s=60.0, vary=[], replications=4, confidence=0.99, **QUIET).frame.iloc[0]
    expected = fluid_drain_s(60.0, 25, 100.0)
    assert drained["low"] - 0.5 <= expected <= drained["high"] + 0.5


def test_a_shard_to_which_nothing_comes_holds_nobody_up():
    keys = ds.UniformKeys(items=1)
    quiet = ds.vary(lane(0.2), {"partitions": 2, "keys": keys})
    assert ds.drain(quiet, outage_s=20.0, vary=[], replications=4, **QUIET).frame["drain_s"][0] < 20


def test_a_tumbling_window_is_offered_no_lanes():
    told = ds.drain(lane(20, tumbling_window_in_seconds=5), outage_s=30.0, replications=2, **QUIET)
    assert "parallelization_factor = 2" not in set(told.frame["lever"])


def test_a_run_that_fails_is_named(tmp_path):
    scenario = replace(lane(20), workload=counted(tmp_path, fails_for=(1,)).workload)
    with pytest.raises(ds.AllRunsFailedError, match=r"as it is: .* with seed 7/1\b.* told to fail"):
        ds.drain(scenario, outage_s=30.0, vary=[], replications=2, **QUIET)


def test_levers_stand_beside_the_scenario_as_it_is():
    told = ds.drain(lane(50), outage_s=60.0, replications=2, **QUIET)
    assert told.frame["lever"].tolist() == [
        "as it is",
        "parallelization_factor = 2",
        "batch_size = 20",
        "memory_mb = 256",
    ]
    drained = told.frame["drain_s"]
    assert (drained[1:] < 0.7 * drained[0]).all()
    assert set(told.curve["lever"]) == set(told.frame["lever"])
    first = told.curve[told.curve["lever"] == "as it is"]
    assert first["drain_s"].is_monotonic_increasing
    assert first["outage_s"].iloc[-1] == 86_400


def test_a_backlog_may_be_given_instead():
    by_records = ds.drain(lane(20), backlog_records=1_200, vary=[], replications=2, **QUIET)
    by_time = ds.drain(lane(20), outage_s=60.0, vary=[], replications=2, **QUIET)
    assert by_records.frame.equals(by_time.frame)


def test_the_lag_rises_by_a_second_a_second_and_falls_again():
    lag = ds.drain(lane(20, activation_s=30), outage_s=60.0, vary=[], replications=2, **QUIET).lag
    peak = lag.loc[lag["seconds_behind"].idxmax()]
    assert peak["at_s"] == pytest.approx(90, abs=2)
    assert peak["seconds_behind"] == pytest.approx(90, abs=2)
    away = lag["at_s"].between(2, 88)
    assert np.diff(lag.loc[away, "seconds_behind"]) == pytest.approx(np.diff(lag.loc[away, "at_s"]), abs=0.01)
    assert lag.loc[away, "iterator_age_s"].isna().all()
    assert lag["iterator_age_s"].max() == pytest.approx(90, abs=2)
    assert lag["seconds_behind"].iloc[-1] < 1


def test_what_cannot_keep_up_never_drains():
    told = ds.drain(lane(150), outage_s=60.0, vary={"parallelization_factor": 4}, replications=2, **QUIET)
    assert told.frame["drain_s"].tolist()[0] == math.inf
    assert told.frame.loc[0, ["last_return_s", "last_return_low_s", "last_return_high_s"]].tolist() == [0, 0, 0]
    assert np.isfinite(told.frame["drain_s"][1])
    assert "does not drain" in repr(told)


def test_a_consumer_that_fails_with_bounded_retries_loses_records_and_is_told_to():
    scenario = lane(20, maximum_retry_attempts=3)
    told = ds.drain(scenario, outage_s=600.0, vary=[], replications=2, **QUIET)
    row = told.failing.iloc[0]
    fails = ds.Failures(outages=ds.Outage(start_s=40, end_s=640))
    mapping = scenario.mappings[0]
    down = replace(scenario, duration_s=1_000, event_source_mappings=replace(
        mapping, function=replace(mapping.function, failures=fails)
    ))  # fmt: skip
    run = ds.simulate(down, rng=3, progress=False)
    lost = int((run.stream_log["outcome"] == "discarded").sum())
    assert row["lost_records"] == pytest.approx(lost, rel=0.15)
    assert row["lost_per_hour"] == pytest.approx(lost * 6, rel=0.15)
    first_s = run.discards["discarded_s"].min() - 40
    assert row["first_loss_s"] == pytest.approx(first_s, abs=3)
    # away, the same consumer loses nothing
    assert told.frame.loc[0, "last_return_s"] > 86_000
    for words in ("maximum_retry_attempts 3", "records an hour are lost, the first after", "is disabled it takes"):
        assert words in repr(told)


def test_a_long_failure_loses_at_the_rate_of_a_short_one(monkeypatch):
    scenario = lane(20, maximum_retry_attempts=2)
    whole = ds.drain(scenario, outage_s=1_200.0, kind="failing", vary=[], replications=2, **QUIET)
    monkeypatch.setattr(sys.modules["ddbsim.experiment.outage.outage"], "_MOST_WRITES", 12_000.0)
    told = ds.drain(scenario, outage_s=1_200.0, kind="failing", vary=[], replications=2, **QUIET)
    assert told.simulated_s < 600
    assert told.failing.loc[0, "lost_records"] == pytest.approx(whole.failing.loc[0, "lost_records"], rel=0.15)


def test_a_consumer_that_fails_and_retries_for_ever_loses_nothing_until_the_retention():
    told = ds.drain(lane(20), outage_s=60.0, vary=[], replications=2, **QUIET)
    row = told.failing.iloc[0]
    assert row["lost_per_hour"] == row["lost_records"] == 0
    assert row["first_loss_s"] == 86_400
    assert "with maximum_retry_attempts -1, records are kept for 24 h 0 min: nothing is lost until then" in repr(told)


def test_a_record_age_that_passes_while_it_fails_loses_records():
    scenario = lane(20, maximum_record_age_in_seconds=60)
    told = ds.drain(scenario, outage_s=300.0, kind="failing", vary=[], replications=2, **QUIET)
    row = told.failing.iloc[0]
    assert 55 < row["first_loss_s"] < 130
    assert row["lost_records"] > 20 * 120
    later = ds.drain(scenario, outage_s=30.0, kind="failing", vary=[], replications=2, **QUIET)
    assert later.failing.loc[0, "first_loss_s"] == 60
    assert later.failing.loc[0, "lost_records"] == 0


def test_each_kind_of_outage_may_be_asked_for_alone():
    away = ds.drain(lane(20), outage_s=30.0, kind="away", vary=[], replications=2, **QUIET)
    failing = ds.drain(lane(20), outage_s=30.0, kind="failing", replications=2, **QUIET)
    assert away.failing.empty
    assert failing.frame.empty
    assert failing.failing["lever"].tolist()[0] == "as it is"
    assert len(failing.failing) == 4
    for told in (away, failing):
        assert told._repr_html_()
        assert ds.plots.drain(told)


def test_what_binds_is_told_where_no_lever_helps():
    # nine in ten writes go to one item, and its records stay in one lane, in order
    keys = ds.HotSet(items=50, hot_items=1, hot_share=0.9)
    hot = ds.vary(lane(60), {"partitions": 4, "keys": keys})
    told = ds.drain(hot, outage_s=120.0, vary={"parallelization_factor": 4}, kind="away", replications=2, **QUIET)
    assert "no lever helps: what binds is hottest item of indexer" in repr(told)
    plain = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=60, warmup_s=10)
    quick = ds.drain(plain, outage_s=60.0, kind="away", replications=2, **QUIET)
    assert "no lever helps: of" in repr(quick)
    assert "activation_delay" in repr(quick)
    helped = ds.drain(lane(50), outage_s=60.0, kind="away", replications=2, **QUIET)
    assert helped.binds == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outage_s": 60, "kind": "gone"}, "kind must be 'both', 'away' or 'failing', got 'gone'"),
        ({}, "give either outage_s or backlog_records"),
        ({"outage_s": 5, "backlog_records": 5}, "give either outage_s or backlog_records"),
        ({"outage_s": 0}, "outage_s must be a number > 0, got 0"),
        ({"backlog_records": -5}, "backlog_records must be a number > 0, got -5"),
        ({"outage_s": 60, "replications": 1}, "replications must be a whole number of replications >= 2"),
        ({"outage_s": 60, "vary": {"bach_size": 5}}, "no field 'bach_size'"),
        ({"outage_s": 60, "vary": ["batch_size"]}, "vary must be dicts of fields and their values"),
        ({"outage_s": 60, "event_source_mapping": "other"}, "event_source_mapping must be one of 'indexer'"),
    ],
)
def test_bad_outages_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        ds.drain(lane(20), **arguments, **QUIET)


def test_headroom_ends_where_the_lanes_are_full():
    # 100 records/s are the most; a lag of a minute within a run is more than a percent beyond
    room = ds.headroom(lane(20), slo=ds.SLO(latency_p99_s=3.0), replications=3, **QUIET)
    assert room.binding == "lanes"
    assert 80 < room.writes_per_s.mean <= 100
    assert 80 < room.holds_per_s < room.writes_per_s.mean
    assert room.factor == pytest.approx(room.holds_per_s / 20)
    assert "lanes of indexer" in room.breaks
    assert room.writes_per_s.half_width < 15
    for number, own in room.runs.groupby("replication"):
        held = own.loc[own["share"] <= 1, "writes_per_s"].max()
        assert room.writes_per_s.mean == pytest.approx(held, rel=0.15), number
    for shown in (repr(room), room._repr_html_()):
        assert "writes/s" in shown


def test_a_failed_search_is_named(tmp_path):
    scenario = counted(tmp_path, fails_for=(1,))
    told = r"small: a run of the search, with workload.rate_per_s = .* and seed 7/.*told to fail"
    with pytest.raises(ds.AllRunsFailedError, match=told):
        ds.headroom(scenario, slo=ds.SLO(latency_p99_s=2.0), replications=2, **QUIET)


def test_an_impossible_slo_has_no_headroom():
    room = ds.headroom(lane(20), slo=ds.SLO(latency_p50_s=0.01), replications=2, precision=0.1, **QUIET)
    assert room.writes_per_s.mean == 0
    assert room.holds_per_s == 0
    assert "not even 2 % of today's rate holds latency_p50_s <= 0.01 s" in repr(room)


@pytest.mark.parametrize(
    ("scenario", "arguments", "message"),
    [
        (small(), {"slo": 2.0}, r"slo must be SLO\(...\)"),
        (small(), {"precision": 2}, "precision must be a share > 0 and < 1"),
        (small(), {"replications": 1}, "replications must be a whole number of replications >= 2"),
        (small(rate_per_s=ds.Spike(5, 9, 2, 2)), {}, "headroom needs a workload whose rate_per_s is a number"),
    ],
)
def test_bad_questions_of_headroom_are_told(scenario, arguments, message):
    with pytest.raises(ValueError, match=message):
        ds.headroom(scenario, **({"slo": ds.SLO(latency_p99_s=2.0)} | arguments), **QUIET)
