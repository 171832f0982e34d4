"""After an outage: against the fluid's closed form, and where the stream begins to forget."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_experiments import small

import ddbsim as ds
from ddbsim.experiment.drain import fluid_drain_s

QUIET = {"rng": 7, "executor": "serial", "progress": False}


def lane(rate_per_s, retention_s=86_400.0):
    """One lane of constant batches: a fluid but for its polls."""
    function = ds.Function(
        name="indexer", duration=ds.Duration(base_s=0.095), cold_start=ds.ColdStart(init=0, placement_s=0)
    )
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s),
        table=ds.Table(partitions=1),
        stream=ds.Stream(visibility_delay=0.05, retention_s=retention_s),
        event_source_mappings=ds.EventSourceMapping(
            batch_size=10, function=function, poller=ds.Poller(turnaround_s=0.005)
        ),
        duration_s=120,
        warmup_s=10,
    )


@pytest.mark.parametrize("rate_per_s", [20, 50])
def test_a_backlog_drains_as_a_fluid_does(rate_per_s):
    # 10 records each 0.1 s
    expected = fluid_drain_s(120.0, rate_per_s, 100.0)
    row = ds.drain(lane(rate_per_s), outage_s=120.0, levers=[], replications=6, confidence=0.99, **QUIET).frame.iloc[0]
    # the consumer notices within a second that it is back
    assert row["low"] - 1.5 <= expected <= row["high"] + 1.5
    assert row["drain_s"] == pytest.approx(expected, rel=0.1)
    assert 120.0 < row["peak_lag_s"] < 123.0


def test_a_long_outage_is_told_from_short_ones(monkeypatch):
    monkeypatch.setattr(sys.modules["ddbsim.experiment.drain"], "_MOST_WRITES", 6_000.0)
    told = ds.drain(lane(20), outage_s=3_600.0, levers=[], replications=6, confidence=0.99, **QUIET)
    assert told.simulated_s < 300
    row = told.frame.iloc[0]
    assert row["low"] <= fluid_drain_s(3_600.0, 20, 100.0) <= row["high"]
    assert row["high"] - row["low"] < 0.5 * row["drain_s"]
    assert "from simulated outages up to" in repr(told)


def test_nothing_is_lost_before_the_last_return_and_something_after():
    scenario = lane(20, retention_s=90.0)
    told = ds.drain(scenario, outage_s=30.0, levers=[], replications=3, **QUIET)
    last_s = told.frame["last_return_s"][0]
    assert 85 < last_s < 90

    def lost(outage_s):
        stopped = replace(scenario.mappings[0], retry_backoff=ds.Backoff(initial_s=1.0, factor=1.0, cap_s=1.0))
        function = replace(stopped.function, failures=ds.Failures(outages=ds.Outage(start_s=40, end_s=40 + outage_s)))
        mapping = replace(stopped, function=function)
        run = ds.simulate(replace(scenario, event_source_mappings=mapping, duration_s=200), rng=7, progress=False)
        return int((run.stream_log["outcome"] == "expired").sum())

    assert lost(last_s - 1.5) == 0
    assert lost(last_s + 3.0) > 0


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
    by_records = ds.drain(lane(20), backlog_records=1_200, levers=[], replications=2, **QUIET)
    by_time = ds.drain(lane(20), outage_s=60.0, levers=[], replications=2, **QUIET)
    assert by_records.frame.equals(by_time.frame)


def test_the_lag_rises_by_a_second_a_second_and_falls_again():
    lag = ds.drain(lane(20), outage_s=60.0, levers=[], replications=2, **QUIET).lag
    peak = lag.loc[lag["seconds_behind"].idxmax()]
    assert peak["at_s"] == pytest.approx(60, abs=2)
    assert peak["seconds_behind"] == pytest.approx(60, abs=2)
    assert lag["seconds_behind"].iloc[-1] < 1


def test_what_cannot_keep_up_never_drains():
    told = ds.drain(lane(150), outage_s=60.0, levers={"parallelization_factor": 4}, replications=2, **QUIET)
    assert told.frame["drain_s"].tolist()[0] == math.inf
    assert told.frame["last_return_s"][0] == 0
    assert np.isfinite(told.frame["drain_s"][1])
    assert "does not drain" in repr(told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either outage_s or backlog_records"),
        ({"outage_s": 5, "backlog_records": 5}, "give either outage_s or backlog_records"),
        ({"outage_s": 0}, "outage_s must be a number > 0, got 0"),
        ({"backlog_records": -5}, "backlog_records must be a number > 0, got -5"),
        ({"outage_s": 60, "replications": 1}, "replications must be a whole number of replications >= 2"),
        ({"outage_s": 60, "levers": {"bach_size": 5}}, "no field 'bach_size'"),
        ({"outage_s": 60, "event_source_mapping": "other"}, "event_source_mapping must be one of 'indexer'"),
    ],
)
def test_bad_outages_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        ds.drain(lane(20), **arguments, **QUIET)


def test_headroom_ends_where_the_lanes_are_full():
    # 100 records/s are the most; a lag of a minute within a run is more than a percent beyond
    room = ds.headroom(lane(20), ds.SLO(latency_p99_s=3.0), replications=3, **QUIET)
    assert room.binding == "lanes"
    assert 80 < room.writes_per_s.mean <= 100
    assert room.factor == pytest.approx(room.writes_per_s.mean / 20)
    assert room.writes_per_s.half_width < 15
    for number, own in room.runs.groupby("replication"):
        held = own.loc[own["share"] <= 1, "writes_per_s"].max()
        assert room.writes_per_s.mean == pytest.approx(held, rel=0.15), number
    for shown in (repr(room), room._repr_html_()):
        assert "writes/s" in shown


def test_an_impossible_slo_has_no_headroom():
    room = ds.headroom(lane(20), ds.SLO(latency_p50_s=0.01), replications=2, precision=0.1, **QUIET)
    assert room.writes_per_s.mean == 0


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
