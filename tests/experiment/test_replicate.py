"""Replications: their numbers, when they stop, and whether their intervals hold what they say."""

import math

import numpy as np
import pandas as pd
import pytest
from small_experiments import small

import ddbsim as ds
from ddbsim.analysis import theory
from ddbsim.analysis.intervals import mean_interval, upper_bound
from ddbsim.analysis.student import t_quantile
from ddbsim.experiment.runs.measures import METRICS

SERVICE_S, TICK_S = 0.1, 1e-4


def queue(load, duration_s, warmup_s):
    """One lane, one record a batch, no delays but the queue's: M/D/1."""
    function = ds.Function(duration=ds.Duration(base_s=SERVICE_S), cold_start=ds.ColdStart(init=0, placement_s=0))
    poller = ds.Poller(interval_s=TICK_S, turnaround_s=0, read_ahead_batches=10_000)
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=load / SERVICE_S),
        table=ds.Table(partitions=1),
        stream=ds.Stream(visibility_delay=0),
        event_source_mappings=ds.EventSourceMapping(batch_size=1, function=function, poller=poller),
        duration_s=duration_s,
        warmup_s=warmup_s,
    )


@pytest.fixture(scope="module")
def replications():
    return ds.replicate(small(), 6, rng=7, executor="serial", progress=False)


def test_each_metric_is_what_the_run_itself_says(replications):
    result = ds.simulate(small(), rng=replications.seed_of(2), progress=False)
    row = replications.runs.loc[2]
    log = result.stream_log[result.stream_log["written_s"] >= 5]
    ran = result.invocations.query("outcome != 'throttled' and started_s >= 5")
    settled = log["completed_s"].fillna(40.0) - log["written_s"]
    for q, name in ((0.5, "latency_p50_s"), (0.95, "latency_p95_s"), (0.99, "latency_p99_s")):
        assert row[name] == result.latency(q)["latency_s"].item()
    assert row["latency_mean_s"] == pytest.approx((log["completed_s"] - log["written_s"]).mean())
    assert row["lag_max_s"] == pytest.approx(settled.max())
    assert row["iterator_age_max_s"] == ran["iterator_age_s"].max()
    assert row["processed_records"] == (log["outcome"] == "processed").sum()
    assert row["waiting_records"] == (log["outcome"] == "waiting").sum() > 0
    assert row["invocations"] == len(ran)
    assert row["records_per_invocation"] == ran["records"].mean()
    busy = (ran["duration_s"] + ran["init_s"]).fillna(40.0 - ran["started_s"]).sum()
    assert row["concurrency_mean"] == pytest.approx(busy / 35)
    assert row["utilization"] == pytest.approx(busy / 35 / 2)
    assert row["usd_per_month"] == result.bill().usd_per_month


def test_losses_repeats_and_failures_are_counted():
    scenario = small(error_probability=0.5, maximum_retry_attempts=1)
    row = ds.replicate(scenario, 1, rng=7, executor="serial", progress=False).runs.loc[0]
    result = ds.simulate(scenario, rng=np.random.SeedSequence(7, spawn_key=(0,)), progress=False)
    log = result.stream_log[result.stream_log["written_s"] >= 5]
    assert row["lost_records"] == (log["outcome"] == "discarded").sum() > 0
    assert row["repeated_deliveries"] == (log["deliveries"] - 1).clip(lower=0).sum() > 0
    ran = result.invocations.query("started_s >= 5")
    assert row["failed_invocations"] == (ran["outcome"] == "error").sum() > 0
    assert 0 < row["lag_max_s"] <= 40


def test_a_run_without_writes_has_no_delay_and_one_without_a_consumer_an_endless_one():
    silent, stopped = small(rate_per_s=0), small(reserved_concurrency=0)
    of = {
        scenario: ds.replicate(scenario, 1, rng=7, executor="serial", progress=False).runs.loc[0]
        for scenario in (silent, stopped)
    }
    assert of[silent]["latency_p99_s"] == of[silent]["lag_max_s"] == 0
    assert of[stopped]["latency_p99_s"] == of[stopped]["latency_mean_s"] == math.inf
    assert of[stopped]["lag_max_s"] == pytest.approx(40, abs=1)
    assert of[stopped]["throttles"] > 0


def test_with_several_mappings_the_run_shows_the_worst_or_the_sum_and_each_by_name():
    slow = ds.Function(name="slow", duration=ds.Duration(base_s=0.5))
    fast = small().mappings[0]
    scenario = small(event_source_mappings=(fast, ds.EventSourceMapping(function=slow)))
    runs = ds.replicate(scenario, 2, rng=7, executor="serial", progress=False).runs
    both = runs[["indexer.latency_p99_s", "slow.latency_p99_s"]]
    assert (runs["latency_p99_s"] == both.max(axis=1)).all()
    assert (both["slow.latency_p99_s"] > both["indexer.latency_p99_s"]).all()
    assert (runs["invocations"] == runs["indexer.invocations"] + runs["slow.invocations"]).all()
    whole = runs["records_per_invocation"] * runs["invocations"]
    parts = sum(runs[f"{name}.records_per_invocation"] * runs[f"{name}.invocations"] for name in ("indexer", "slow"))
    pd.testing.assert_series_equal(whole, parts, check_names=False)


def test_estimates_are_means_with_students_intervals(replications):
    told = replications.estimates(0.9).set_index("metric")
    assert list(told.index) == list(METRICS)
    values = replications.runs["latency_p99_s"]
    half = 2.015 * values.std() / math.sqrt(6)  # Student's t, 5 degrees of freedom, two-sided 90 %
    assert told.loc["latency_p99_s", "mean"] == pytest.approx(values.mean())
    assert told.loc["latency_p99_s", "half_width"] == pytest.approx(half, rel=1e-3)


def test_pooled_quantiles_are_those_of_all_records_together(replications):
    told = replications.quantiles().set_index("quantile")
    pooled = []
    for number in range(6):
        log = ds.simulate(small(), rng=replications.seed_of(number), progress=False).stream_log
        pooled.append((log["completed_s"] - log["written_s"])[log["written_s"] >= 5].dropna())
    everything = np.concatenate(pooled)
    for q in (0.5, 0.95, 0.99):
        assert told.loc[q, "pooled_s"] == pytest.approx(np.quantile(everything, q), rel=0.012)
    assert told.loc[0.99, "across_runs_s"] == replications.runs["latency_p99_s"].mean()
    assert told.loc[0.99, "least_s"] < told.loc[0.99, "across_runs_s"] < told.loc[0.99, "most_s"]


def test_one_bad_run_tells_pooled_from_across():
    outage = ds.Outage(start_s=10, end_s=25)
    good = ds.replicate(small(), 3, rng=7, executor="serial", progress=False)
    bad = ds.replicate(small(outages=(outage,)), 1, rng=7, executor="serial", progress=False)
    mixed = ds.Replications(
        scenario=good.scenario,
        runs=pd.concat([good.runs, bad.runs], ignore_index=True),
        failures=good.failures,
        confidence=0.95,
        note="",
        measures=(*good.measures, *bad.measures),
        seed=good.seed,
    )
    row = mixed.quantiles().set_index("quantile").loc[0.95]
    assert row["pooled_s"] > 1.5 * row["across_runs_s"]
    assert row["pooled_s"] < row["most_s"]


def test_precision_is_reached_or_the_cap_is_told():
    enough = ds.replicate(small(), precision=0.1, metric="latency_p50_s", rng=7, executor="serial", progress=False)
    told = enough.estimates().set_index("metric").loc["latency_p50_s"]
    assert told["half_width"] <= 0.1 * told["mean"]
    assert len(enough.runs) < 100
    assert "10.0% was asked for" in enough.note
    capped = ds.replicate(small(), precision=0.0001, at_most=6, rng=7, executor="serial", progress=False)
    assert len(capped.runs) == 6
    assert "stopped at the cap" in capped.note


def test_the_rounds_of_a_precision_do_not_depend_on_the_executor():
    options = {"precision": 0.02, "metric": "latency_p50_s", "at_most": 12, "rng": 7, "progress": False}
    one, two = (ds.replicate(small(), executor=executor, **options) for executor in ("serial", 3))
    pd.testing.assert_frame_equal(one.runs, two.runs, check_exact=True)
    assert one.note == two.note


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"replications": 0}, "replications must be a whole number of replications >= 1, got 0"),
        ({"replications": 2.5}, "replicate: replications must be a whole number or None, got 2.5"),
        ({"replications": True}, "got True"),
        ({"replications": 5, "precision": 0.1}, "give replications or precision, not both"),
        ({"precision": 0}, "precision must be a share > 0 and < 1"),
        ({"precision": 0.1, "at_most": 1}, "at_most must be a whole number of replications >= 2, got 1"),
        ({"precision": 0.1, "metric": "p99"}, "metric must be one of latency_mean_s, .*usd_per_month, got 'p99'"),
        ({"confidence": 95}, "confidence must be a number > 0 and < 1, such as 0.95, got 95"),
    ],
)
def test_bad_arguments_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        ds.replicate(small(), rng=7, executor="serial", progress=False, **arguments)


def test_text_and_html_show_intervals_and_what_to_know(replications):
    for shown in (repr(replications), replications._repr_html_()):
        for words in ("6 replications", "95% intervals", "latency_p99_s", "usd_per_month", "as many as asked for"):
            assert words in shown


@pytest.mark.parametrize(("share", "degrees", "expected"), [(0.975, 9, 2.262157), (0.95, 1, 6.313752), (0.5, 4, 0.0)])
def test_students_t_is_that_of_the_tables(share, degrees, expected):
    assert t_quantile(share, degrees) == pytest.approx(expected, abs=1e-6)


def test_an_interval_of_few_or_endless_values_promises_nothing():
    one, endless = mean_interval([3.0]), mean_interval([1.0, math.inf])
    assert (one.mean, one.low, one.high) == (3.0, -math.inf, math.inf)
    assert endless.mean == math.inf
    assert mean_interval([2.0, 2.0]).half_width == 0
    assert upper_bound([1.0], 0.05) == upper_bound([1.0, math.inf], 0.05) == math.inf
    assert upper_bound([1.0, 2.0, 3.0], 0.05) == pytest.approx(2 + 2.919986 / math.sqrt(3), abs=1e-5)


def coverage(experiments, replications, duration_s, seed):
    """Return the share of experiments whose 95 % interval holds M/D/1's mean latency."""
    scenario = queue(0.5, duration_s, duration_s / 10)
    truth = theory.md1_wait_s(0.5 / SERVICE_S, SERVICE_S) + SERVICE_S + TICK_S / 2
    seeds = np.random.SeedSequence(seed).spawn(experiments)
    held = 0
    for one in seeds:
        told = ds.replicate(scenario, replications, rng=one, executor="serial", progress=False).estimates()
        low, high = told.set_index("metric").loc["latency_mean_s", ["low", "high"]]
        held += low <= truth <= high
    return held / experiments


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # at 95 %, one set of 30 experiments in 300 would hold the truth in fewer than 25
    assert coverage(30, 4, 60.0, 1) >= 25 / 30


@pytest.mark.thorough
def test_intervals_cover_the_truth_as_often_as_they_say():
    assert 0.93 <= coverage(600, 10, 250.0, 2) <= 0.97


def test_batch_means_of_one_long_run_hold_the_truth_and_see_their_correlation():
    scenario = queue(0.5, 6_000.0, 60.0)
    truth = theory.md1_wait_s(0.5 / SERVICE_S, SERVICE_S) + SERVICE_S + TICK_S / 2
    row = ds.batch_means(ds.simulate(scenario, rng=3, progress=False), confidence=0.999).loc[0]
    assert row["low_s"] <= truth <= row["high_s"]
    assert row["high_s"] - row["low_s"] < 0.1 * truth
    assert row["trusted"]
    # a load near 1 remembers for longer than such batches
    heavy = ds.simulate(queue(0.99, 1_500.0, 60.0), rng=3, progress=False)
    assert not ds.batch_means(heavy, batches=100).loc[0, "trusted"]


def test_batch_quantiles_are_those_of_each_batch():
    result = ds.simulate(small(), rng=7, progress=False)
    row = ds.batch_means(result, 0.9, batches=4).loc[0]
    log = result.stream_log
    log = log[(log["written_s"] >= 5) & log["completed_s"].notna()]
    latency = (log["completed_s"] - log["written_s"]).to_numpy()
    each = len(latency) // 4
    expected = [np.quantile(part, 0.9) for part in np.split(latency[len(latency) - 4 * each :], 4)]
    assert row["latency_s"] == pytest.approx(np.mean(expected))
    assert (row["batches"], row["records_per_batch"]) == (4, each)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batches": 1}, "batches must be a whole number >= 2, got 1"),
        ({"quantile": 1.5}, "quantile must be None or in 0..1, got 1.5"),
        ({"batches": 10_000}, "processed records are too few for 10000 batches"),
        ({"confidence": 1}, "confidence must be"),
    ],
)
def test_bad_batches_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        ds.batch_means(ds.simulate(small(), rng=7, progress=False), **arguments)
