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


def test_parts_sum_to_the_mean_latency(result):
    processed = result.stream_log.query("outcome == 'processed' and written_s >= 10")
    mean = (processed["completed_s"] - processed["written_s"]).groupby(processed["event_source_mapping"], observed=True)
    waits = result.waits().groupby("event_source_mapping")
    assert waits["mean_s"].sum().to_dict() == pytest.approx(mean.mean().to_dict())
    assert waits["share"].sum().to_dict() == pytest.approx({"steady": 1.0, "failing": 1.0})
    assert (result.waits()["mean_s"] >= -1e-12).all()
    assert result.waits().query("part == 'retries'").set_index("event_source_mapping")["mean_s"]["failing"] > 0


def test_a_cohort_is_the_slowest_records(result):
    parts = result.latency_parts.query("written_s >= 10 and event_source_mapping == 'failing'")
    slow = parts[parts["latency_s"] >= np.quantile(parts["latency_s"], 0.9)]
    got = result.waits(cohort=0.9).query("event_source_mapping == 'failing'")
    np.testing.assert_allclose(got["mean_s"], slow[list(PARTS)].mean())


def test_a_cohort_outside_0_to_1_is_refused(result):
    with pytest.raises(ValueError, match=r"cohort must be None or a quantile in 0\.\.1, got 99"):
        result.waits(cohort=99)


def test_frames_without_rows_give_frames_without_rows():
    nothing = log()
    assert list(latency.quantiles(nothing, 0.5)) == [
        "event_source_mapping", "quantile", "latency_s", "records", "waiting",
    ]  # fmt: skip
    assert latency.ecdf(nothing).empty
    assert latency.waits(pd.DataFrame({"event_source_mapping": [], "written_s": [], "latency_s": []})).empty


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
