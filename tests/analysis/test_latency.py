import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.analysis import latency
from ddbsim.analysis.latency import PARTS

latencies = st.lists(st.floats(0.001, 100.0), min_size=1, max_size=60)


def log(completed=(), waiting=(), *, mapping="indexer", written_s=0.0):
    """Records written at one instant: some completed after so many seconds, some still waiting."""
    count, open_ones = len(completed), len(waiting)
    return pd.DataFrame(
        {
            "event_source_mapping": [mapping] * (count + open_ones),
            "written_s": np.concatenate([np.full(count, written_s), np.asarray(waiting, dtype=float)]),
            "completed_s": np.concatenate([written_s + np.asarray(completed, dtype=float), np.full(open_ones, np.nan)]),
            "outcome": ["processed"] * count + ["waiting"] * open_ones,
        }
    )


@pytest.fixture(scope="module")
def result():
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=60),
        event_source_mappings=(
            ds.EventSourceMapping(function=ds.Function(name="steady")),
            ds.EventSourceMapping(
                function=ds.Function(name="failing", failures=ds.Failures(error_probability=0.3)),
                maximum_retry_attempts=2,
                parallelization_factor=2,
            ),
        ),
        duration_s=40,
        warmup_s=10,
    )
    return ds.simulate(scenario, rng=7, progress=False)


@given(latencies, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_without_waiting_records_are_those_of_numpy(times, wanted):
    frame = latency.quantiles(log(times), wanted)
    np.testing.assert_allclose(frame["latency_s"], np.quantile(times, wanted), rtol=1e-12)
    assert (frame["records"] == len(times)).all()
    assert (frame["waiting"] == 0).all()


def test_quantiles_with_waiting_records_are_kaplan_and_meiers():
    # by hand: completed after 1, 3, 5, 8; at the end (10 s) one has waited 2, one 5, one 9 s.
    # At risk 7, 5, 4, 2: S = 6/7, 24/35, 18/35, 9/35. The one of 5 s counts as at risk at 5.
    frame = log([1, 3, 5, 8], waiting=[8, 5, 1])
    done = 1 - np.array([6 / 7, 24 / 35, 18 / 35, 9 / 35])
    got = latency.quantiles(frame, [0.0, done[0], done[0] + 0.01, done[1], 0.4, done[2] + 0.01, done[3]], ended_s=10)
    assert got["latency_s"].tolist() == [1, 1, 3, 3, 5, 8, 8]
    # beyond, the quantile lies among those that wait
    assert np.isinf(latency.quantiles(frame, done[3] + 0.01, ended_s=10)["latency_s"]).all()
    assert (got["waiting"] == 3).all()
    shares = latency.ecdf(frame, ended_s=10)
    assert shares["latency_s"].tolist() == [1, 3, 5, 8]
    np.testing.assert_allclose(shares["share"], done)


def test_waiting_records_never_make_a_quantile_smaller():
    times = np.arange(1.0, 101.0)
    without = latency.quantiles(log(times), 0.9)["latency_s"].item()
    with_late = latency.quantiles(log(times, waiting=[0.0] * 5), 0.9, ended_s=200)["latency_s"].item()
    assert with_late > without


def test_writes_that_an_interrupted_run_never_came_to_count_as_nothing():
    frame = latency.quantiles(log([1.0, 2.0], waiting=[3.0, 20.0, 30.0]), 0.5, ended_s=10)
    assert frame["waiting"].item() == 1


def test_the_warm_up_is_cut_by_the_write():
    frame = pd.concat([log([5.0], written_s=9.0), log([1.0], written_s=10.0)])
    assert latency.quantiles(frame, 0.5, warmup_s=10)["latency_s"].item() == pytest.approx(1.0)
    assert latency.quantiles(frame, 0.5, warmup_s=9)["records"].item() == 2
    assert latency.quantiles(frame, 0.5, warmup_s=11).empty


def test_quantiles_split_by_a_column(result):
    by_shard = result.latency(0.5, by="shard_id")
    assert list(by_shard) == ["event_source_mapping", "shard_id", "quantile", "latency_s", "records", "waiting"]
    assert len(by_shard) == 2 * 4
    log_of = result.stream_log.query("written_s >= 10 and event_source_mapping == 'steady'")
    row = by_shard.query("event_source_mapping == 'steady'").iloc[0]
    assert row["records"] == (log_of[log_of["shard_id"] == row["shard_id"]]["outcome"] == "processed").sum()


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), [0.5, 99]])
def test_quantiles_outside_0_to_1_are_refused(wrong):
    with pytest.raises(ValueError, match=r"quantiles must be in 0\.\.1, got"):
        latency.quantiles(log([1.0]), wrong)


def test_an_unknown_column_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"by must be a column of the log \(event_source_mapping, written_s.*'shard'"):
        latency.quantiles(log([1.0]), 0.5, by="shard")


@given(latencies)
def test_the_distribution_rises_to_1_over_the_sorted_latencies(times):
    frame = latency.ecdf(log(times), points=10_000)
    shares = dict(zip(frame["latency_s"], frame["share"], strict=True))
    for time, share in shares.items():
        assert share <= np.mean(np.asarray(times) <= time) + 1e-9
    assert frame["latency_s"].is_monotonic_increasing
    assert frame["share"].iloc[-1] == pytest.approx(1.0)


def test_a_thinned_distribution_keeps_its_tail():
    times = np.arange(1.0, 100_001.0)
    frame = latency.ecdf(log(times), points=100)
    assert len(frame) <= 100
    assert frame["latency_s"].max() == 100_000
    assert (frame["share"] >= 0.99).sum() >= 25  # of 1,000 of 100,000 records
    np.testing.assert_allclose(frame["share"], frame["latency_s"] / 100_000)


def test_parts_sum_to_the_mean_of_latencies_and_of_waits_so_far(result):
    log = result.stream_log.query("outcome in ('processed', 'waiting') and written_s >= 10")
    took = log["completed_s"].fillna(result.ended_s) - log["written_s"]
    waits = result.waits().groupby("event_source_mapping")
    mean = took.groupby(log["event_source_mapping"], observed=True).mean()
    assert waits["mean_s"].sum().to_dict() == pytest.approx(mean.to_dict())
    assert waits["share"].sum().to_dict() == pytest.approx({"steady": 1.0, "failing": 1.0})
    assert (
        waits["waiting"].sum().to_dict() == result.latency(0.5).set_index("event_source_mapping")["waiting"].to_dict()
    )
    assert (result.waits()["mean_s"] >= -1e-12).all()
    assert result.waits().query("part == 'retries'").set_index("event_source_mapping")["mean_s"]["failing"] > 0


def test_a_cohort_is_the_slowest_records_those_that_wait_included(result):
    mine = "written_s >= 10 and event_source_mapping == 'failing'"
    done, waiting = result.latency_parts.query(mine), result.waiting_parts.query(mine)
    assert len(waiting)
    both = pd.concat([done, waiting.rename(columns={"waited_s": "latency_s"})])
    slow = both[both["latency_s"] >= np.quantile(both["latency_s"], 0.9)]
    got = result.waits(cohort=0.9).query("event_source_mapping == 'failing'")
    np.testing.assert_allclose(got["mean_s"], slow[list(PARTS)].mean())
    assert got["waiting"].sum() == slow["waits_for"].notna().sum()


KEYS = ds.UniformKeys(items=1_000)


def simulate(mapping, *, rate_per_s=40, duration_s=600, rng=2, keys=KEYS, **scenario):
    return ds.simulate(
        ds.Scenario(
            workload=ds.PoissonWrites(rate_per_s=rate_per_s, keys=keys),
            duration_s=duration_s,
            event_source_mappings=mapping,
            **scenario,
        ),
        rng=rng,
        progress=False,
    )


def most_of(result, column):
    waits = result.waits().set_index("part")
    return waits[column].idxmax()


THROTTLED = ds.EventSourceMapping(
    batch_size=10, function=ds.Function(reserved_concurrency=1, duration=ds.Duration(base_s=0.2))
)
SPLIT = ds.Table(partitions=1, splits=ds.Split(at_s=20.0, partition=0))
LATE = ds.Poller(shard_discovery_delay=30.0)
# what ends in the middle of something, and what its records wait for
MIDST = {
    "lanes that get no concurrency": ("throttle", THROTTLED, {}),
    "a batch that raises for ever": (
        "retries", ds.EventSourceMapping(function=ds.Function(failures=ds.Failures(error_probability=1.0))), {},
    ),
    "an outage until the end": (
        "retries",
        ds.EventSourceMapping(
            parallelization_factor=3,
            bisect_batch_on_function_error=True,
            function=ds.Function(failures=ds.Failures(outages=ds.Outage(start_s=30, end_s=60))),
        ),
        {"duration_s": 60},
    ),
    "batches that time out": (
        "retries",
        ds.EventSourceMapping(
            function=ds.Function(
                timeout_s=1, failures=ds.Failures(outages=ds.Outage(start_s=0, end_s=60, kind="timeout"))
            )
        ),
        {"duration_s": 60},
    ),
    "a function that is too slow": (
        "queue_wait",
        ds.EventSourceMapping(batch_size=10, function=ds.Function(timeout_s=60, duration=ds.Duration(base_s=5.0))),
        {"duration_s": 60},
    ),
    "a window that is open": (
        "window",
        ds.EventSourceMapping(batch_size=10_000, maximum_batching_window_in_seconds=300, function=ds.Function()),
        {"duration_s": 100},
    ),
    "one long invocation": (
        "handler",
        ds.EventSourceMapping(function=ds.Function(timeout_s=900, duration=ds.Duration(base_s=99))),
        {"duration_s": 4, "rate_per_s": 5, "table": ds.Table(partitions=80)},
    ),
    "a mapping that is off": (
        "poll_wait", ds.EventSourceMapping(suspensions=ds.Suspension(start_s=10), function=ds.Function()),
        {"duration_s": 60},
    ),
    "children that are looked for": (
        "discovery", ds.EventSourceMapping(function=ds.Function(), poller=LATE), {"duration_s": 45, "table": SPLIT},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MIDST)
def test_records_that_still_wait_are_told_by_what_they_wait_for(case):
    part, mapping, options = MIDST[case]
    result = simulate(mapping, **options)
    assert (most_of(result, "waiting"), most_of(result, "mean_s")) == (part, part)
    waits, log = result.waits(), result.stream_log
    assert waits["waiting"].sum() == (log["outcome"] == "waiting").sum()
    assert result.check()["ok"].all()


def test_a_shard_that_an_image_stops_says_retries():
    # a handler that asks for NewImage, and a REMOVE comes: one shard of four stands
    mapping = ds.EventSourceMapping(function=ds.Function(failures=ds.Failures(poison_items=(3,))))
    result = simulate(mapping, rate_per_s=1, keys=ds.UniformKeys(items=100))
    assert most_of(result, "waiting") == "retries"
    assert result.waits().set_index("part").loc["retries", "share"] > 0.9


def test_what_waited_for_its_shard_to_be_found_was_not_behind():
    waits = ds.lessons.get("age_without_fault").run().waits(cohort=0.9).set_index("part")
    assert waits["mean_s"].idxmax() == "discovery"
    assert waits.loc["queue_wait", "mean_s"] < 1.0


def test_discovery_is_from_the_end_of_the_parent_to_the_first_poll_of_the_child():
    result = simulate(ds.EventSourceMapping(function=ds.Function(), poller=LATE), duration_s=90, table=SPLIT)
    log, parts = result.stream_log.set_index("record_id"), result.latency_parts.set_index("record_id")
    parent = log["shard_id"].isin(result.shards.query("partition == 0")["shard_id"])
    assert (parts.loc[parent, "discovery_s"] == 0).all()
    children = parts[~parent].query("discovery_s > 0")
    assert children["discovery_s"].max() == pytest.approx(30.0, abs=0.5)
    found_s = log.loc[children.index, "written_s"] + children["visibility_s"] + children["poll_wait_s"]
    found_s += children["discovery_s"] + children["queue_wait_s"]
    assert found_s.groupby(log.loc[children.index, "shard_id"], observed=True).min().between(50, 52).all()


def test_a_cohort_outside_0_to_1_is_refused(result):
    with pytest.raises(ValueError, match=r"cohort must be None or a quantile in 0\.\.1, got 99"):
        result.waits(cohort=99)


def test_frames_without_rows_give_frames_without_rows():
    nothing = log()
    assert list(latency.quantiles(nothing, 0.5)) == [
        "event_source_mapping", "quantile", "latency_s", "records", "waiting",
    ]  # fmt: skip
    assert latency.ecdf(nothing).empty
    nobody = pd.DataFrame({"event_source_mapping": [], "written_s": [], "latency_s": []})
    assert latency.waits(nobody, nobody).empty


def test_the_quantile_of_records_that_all_wait_grows_without_limit():
    frame = latency.quantiles(log(waiting=[0.0, 1.0]), 0.5, ended_s=5)
    assert np.isinf(frame["latency_s"]).all()
    assert frame["waiting"].item() == 2
    assert latency.ecdf(log(waiting=[0.0]), ended_s=5).empty


def test_records_of_a_shard_whose_backlog_grows_are_infinitely_late_processed_or_not():
    frame = log([1.0, 2.0, 3.0, 4.0], waiting=[5.0])
    frame["shard_id"] = ["a", "a", "a", "b", "b"]
    name = frame["event_source_mapping"].iloc[0]
    got = latency.quantiles(frame, [0.6, 0.61], ended_s=10, growing=frozenset({(name, "b")}))
    assert got["latency_s"].tolist() == [3.0, np.inf]
    assert got[["records", "waiting"]].iloc[0].tolist() == [4, 1]
    assert latency.ecdf(frame, ended_s=10, growing=frozenset({(name, "b")}))["share"].max() == pytest.approx(0.6)
