"""Sweeps, tornadoes and Latin hypercubes."""

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.runs.measures import METRICS

SPACE = {"batch_size": [1, 10, 100], "maximum_batching_window_in_seconds": [0, 2]}


@pytest.fixture(scope="module")
def swept():
    return ds.sweep(small(), SPACE, replications=2, rng=7, executor="serial", progress=False)


def test_there_is_a_row_per_setting_and_metric(swept):
    assert swept.fields == tuple(SPACE)
    assert len(swept.frame) == 6 * len(METRICS)
    assert len(swept.runs) == 12
    settings = swept.frame[[*SPACE]].drop_duplicates().to_numpy().tolist()
    assert settings == [list(pair) for pair in product(*SPACE.values())]


def test_each_setting_is_a_run_of_its_own(swept):
    scenario = ds.vary(small(), {"batch_size": 10, "maximum_batching_window_in_seconds": 2})
    alone = ds.replicate(scenario, 2, rng=7, executor="serial", progress=False)
    own = swept.runs.query("batch_size == 10 and maximum_batching_window_in_seconds == 2")
    pd.testing.assert_frame_equal(own[[*METRICS]].reset_index(drop=True), alone.runs[[*METRICS]], check_exact=True)
    told = swept.frame.query("batch_size == 10 and maximum_batching_window_in_seconds == 2").set_index("metric")
    assert told.loc["latency_p99_s", "mean"] == alone.runs["latency_p99_s"].mean()
    assert told.loc["latency_p99_s", "half_width"] > 0


def test_a_table_has_a_row_and_a_column_per_value(swept):
    table = swept.table("invocations")
    assert table.index.tolist() == [1, 10, 100]
    assert table.columns.tolist() == [0, 2]
    assert table.loc[1, 0] > table.loc[100, 2]
    turned = swept.table("invocations", "maximum_batching_window_in_seconds", "batch_size")
    pd.testing.assert_frame_equal(turned, table.T)


def test_correlations_tell_what_a_metric_follows(swept):
    told = swept.correlations("records_per_invocation").set_index("field")
    assert told.loc["batch_size", "rank_correlation"] > 0.5
    assert told.index[0] == "batch_size"
    assert told["runs"].tolist() == [12, 12]


def test_a_field_without_effect_seldom_shows_a_correlation_beyond_chance(swept):
    beyond = []
    for order in permutations(range(5)):
        runs = pd.DataFrame({"batch_size": range(5), "latency_p99_s": order})
        told = replace(swept, fields=("batch_size",), runs=runs).correlations().loc[0]
        assert told["rank_correlation"] == pytest.approx(np.corrcoef(range(5), order)[0, 1])
        if told["beyond_chance"]:
            beyond.append(order)
    # of the 120 orders 10 have 0.9 or more by chance, too many to be beyond it, and 2 have 1
    assert beyond == [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)]


def test_any_executor_and_a_store_give_the_same_frame(swept, tmp_path):
    for _ in range(2):
        again = ds.sweep(small(), SPACE, replications=2, rng=7, executor=2, store=tmp_path / "runs", progress=False)
        pd.testing.assert_frame_equal(again.frame, swept.frame, check_exact=True)


def test_refused_settings_and_traps_are_told_beside_the_others():
    space = {"batch_size": [10, 20_000, 2_000]}
    swept = ds.sweep(small(), space, replications=1, rng=7, executor="serial", progress=False)
    assert swept.runs["batch_size"].tolist() == [10, 2_000]
    assert swept.refused["batch_size"].tolist() == [20_000]
    assert "1..10000" in swept.refused["note"][0]
    assert swept.notes["batch_size"].tolist() == [2_000]
    assert "refused:" in repr(swept)


def test_values_that_are_no_numbers_stand_in_words():
    space = {"reserved_concurrency": [None, 1], "keys": [ds.UniformKeys(items=5)]}
    swept = ds.sweep(small(), space, replications=1, rng=7, executor="serial", progress=False)
    assert swept.runs["reserved_concurrency"].tolist() == ["None", 1]
    assert swept.runs["keys"].tolist() == ["UniformKeys(items=5)"] * 2
    assert len(swept.table("throttles")) == 2
    assert swept.correlations().empty


def test_a_failed_run_is_reported_with_its_setting(tmp_path):
    scenario = counted(tmp_path, fails_for=(1,))
    swept = ds.sweep(scenario, {"batch_size": [1, 2]}, replications=2, rng=7, executor="serial", progress=False)
    assert swept.failures[["batch_size", "replication"]].to_numpy().tolist() == [[1, 1], [2, 1]]
    assert swept.failures["seed"].eq("7/1").all()
    assert len(swept.runs) == 2
    assert "2 runs failed" in swept._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.table("p99"), "metric must be one of"),
        (lambda s: s.table(rows="timeout_s"), "must be fields that were varied .*batch_size.*, got 'timeout_s'"),
        (lambda s: s.settings("p99"), "metric must be one of"),
        (lambda s: s.correlations("p99"), "metric must be one of"),
    ],
)
def test_what_a_sweep_does_not_have_is_told(swept, call, message):
    with pytest.raises(ValueError, match=message):
        call(swept)


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({}, {}, "at least one"),
        ({"batch": [1]}, {}, "no field 'batch'"),
        ({"batch_size": [1]}, {"replications": 0}, "replications must be a whole number of replications >= 1, got 0"),
        ({"batch_size": [1]}, {"confidence": 2}, "confidence must be"),
        ({"batch_size": [0]}, {}, "no setting of this space makes a scenario"),
    ],
)
def test_bad_sweeps_are_told(space, options, message):
    with pytest.raises(ValueError, match=message):
        ds.sweep(small(), space, rng=7, progress=False, **options)


ENDS = {"maximum_batching_window_in_seconds": (0, 4), "batch_size": (50, 200), "base_s": (0.01, 0.04)}


@pytest.fixture(scope="module")
def moved():
    return ds.tornado(small(), ENDS, replications=3, rng=7, executor="serial", progress=False)


def test_a_tornado_moves_one_field_at_a_time(moved):
    one = ds.vary(small(), {"base_s": 0.04})
    compared = ds.compare({"base": small(), "moved": one}, replications=3, rng=7, executor="serial", progress=False)
    expected = compared.frame.set_index("metric").loc["latency_p99_s", "difference"]
    told = moved.frame.query("field == 'base_s' and end == 'high' and metric == 'latency_p99_s'")
    assert told["difference"].item() == expected
    assert told["value"].item() == 0.04
    assert moved.base["batch_size"] == 100


def test_swings_are_sorted_by_width(moved):
    swings = moved.swings()
    assert swings["field"][0] == "maximum_batching_window_in_seconds"
    assert swings["swing"].is_monotonic_decreasing
    assert swings["low"][0] == 0.0
    assert swings["high"][0] > 2
    assert "batch_size" in moved._repr_html_()


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ({}, "at least one"),
        ({"batch_size": 5}, r"batch_size must have a low and a high value, \(low, high\), got 5"),
        ({"batch_size": (1, 2, 3)}, "a low and a high value"),
        ({"batch_size": (0, 5)}, "batch_size: the low value 0 is refused: .*1..10000"),
        ({"bath_size": (1, 5)}, "no field 'bath_size'; did you mean"),
    ],
)
def test_bad_ends_are_told(ends, message):
    with pytest.raises(ValueError, match=message):
        ds.tornado(small(), ends, replications=2, rng=7, executor="serial", progress=False)


def test_a_latin_hypercube_has_one_point_in_each_slice():
    ranges = {"batch_size": (1, 80), "base_s": (0.0, 0.08), "parallelization_factor": [1, 2, 4, 8]}
    options = {"points": 8, "executor": "serial", "progress": False}
    cube = ds.latin_hypercube(small(), ranges, rng=7, **options)
    assert len(cube.runs) == 8
    assert sorted((cube.runs["batch_size"] - 1) // 10) == list(range(8))
    assert sorted((cube.runs["base_s"] / 0.01).astype(int)) == list(range(8))
    assert sorted(cube.runs["parallelization_factor"]) == [1, 1, 2, 2, 4, 4, 8, 8]
    pd.testing.assert_frame_equal(ds.latin_hypercube(small(), ranges, rng=7, **options).runs, cube.runs)
    other = ds.latin_hypercube(small(), ranges, rng=8, **options)
    assert not np.array_equal(other.runs["base_s"], cube.runs["base_s"])


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({}, "at least one"),
        ({"batch_size": 5}, r"batch_size must have a range \(low, high\), or a list of values, got 5"),
        ({"batch_size": (9, 3)}, r"low < high, got \(9, 3\)"),
        ({"batch_size": [4]}, r"or a list of values, got \[4\]"),
    ],
)
def test_bad_ranges_are_told(ranges, message):
    with pytest.raises(ValueError, match=message):
        ds.latin_hypercube(small(), ranges, points=2, rng=7, executor="serial", progress=False)
