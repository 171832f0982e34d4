"""Differences between scenarios on the same writes."""

import numpy as np
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.analysis.intervals import mean_interval
from ddbsim.experiment.estimate.compare import gain_of_pairing

NOW = small(name="now")
LARGER = small(memory_mb=256, name="larger")


@pytest.fixture(scope="module")
def comparison():
    return ds.compare(NOW, LARGER, replications=6, rng=7, executor="serial", progress=False)


def row(comparison, metric):
    return comparison.frame.set_index("metric").loc[metric]


def test_differences_are_those_of_the_pairs(comparison):
    own = [ds.replicate(one, 6, rng=7, executor="serial", progress=False).runs for one in (NOW, LARGER)]
    pairs = (own[1] - own[0].drop(columns="seed"))["latency_p99_s"]
    told = row(comparison, "latency_p99_s")
    interval = mean_interval(pairs.to_numpy())
    assert (told["difference"], told["low"], told["high"]) == (interval.mean, interval.low, interval.high)
    assert told["baseline"] == own[0]["latency_p99_s"].mean()
    assert told["change"] == pytest.approx(told["difference"] / told["baseline"])
    assert comparison.differences()["larger"].tolist() == pairs.tolist()


def test_what_differs_is_told_from_what_may_be_luck(comparison):
    assert row(comparison, "duration_mean_s")["differs"]
    assert row(comparison, "duration_mean_s")["difference"] < 0
    losses = row(comparison, "lost_records")
    assert (losses["difference"], losses["differs"]) == (0.0, False)


def test_pairing_saves_replications(comparison):
    told = row(comparison, "processed_records")
    assert told["correlation"] > 0.99
    assert told["replications_saved"] > 20


def test_the_saving_is_the_ratio_of_variances():
    rng = np.random.default_rng(1)
    common = rng.normal(size=20_000)
    before, after = common + rng.normal(size=20_000), common + rng.normal(size=20_000)
    # independent: 2 + 2; paired: the common part cancels, 1 + 1
    assert gain_of_pairing(before, after) == pytest.approx(2.0, rel=0.05)
    assert gain_of_pairing(before, before + 1.0) == np.inf
    assert np.isnan(gain_of_pairing(np.ones(3), np.ones(3)))


def test_several_scenarios_stand_beside_the_first():
    named = {"a": NOW, "b": LARGER, "c": small(batch_size=1)}
    three = ds.compare(named, replications=2, rng=7, executor="serial", progress=False)
    assert three.frame["scenario"].unique().tolist() == ["b", "c"]
    assert list(three.differences().columns) == ["b", "c"]
    assert three.runs.groupby("scenario").size().to_dict() == {"a": 2, "b": 2, "c": 2}


def test_a_failed_run_leaves_its_pair_out(tmp_path):
    failing = counted(tmp_path, fails_for=(1,))
    some = ds.compare({"a": NOW, "b": failing}, replications=4, rng=7, executor="serial", progress=False)
    assert some.failures[["scenario", "replication"]].to_numpy().tolist() == [["b", 1]]
    assert "1 runs failed" in repr(some)
    whole = ds.compare({"a": NOW, "b": NOW}, replications=4, rng=7, executor="serial", progress=False)
    kept = whole.runs[(whole.runs["scenario"] == "a") & (whole.runs["replication"] != 1)]
    assert row(some, "latency_p99_s")["baseline"] == pytest.approx(kept["latency_p99_s"].mean())
    never = counted(tmp_path, fails_for=(0, 1, 2))
    with pytest.raises(ds.AllRunsFailedError, match=r"fewer than two replications have all their runs; .* b with seed"):
        ds.compare({"a": NOW, "b": never}, replications=4, rng=7, executor="serial", progress=False)


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        ((NOW,), "compare needs two scenarios or more, got 1"),
        ((NOW, NOW), "different names, got 'now' twice: set name="),
        ((NOW, "later"), "scenarios must be .* or a dict, got 'later'"),
        (({"a": NOW},), "two scenarios or more, got 1"),
    ],
)
def test_what_cannot_be_compared_is_told(scenarios, message):
    with pytest.raises(ValueError, match=message):
        ds.compare(*scenarios, replications=2, rng=7)


def test_one_replication_has_no_interval():
    with pytest.raises(ValueError, match="replications must be a whole number of replications >= 2, got 1"):
        ds.compare(NOW, LARGER, replications=1)


def test_text_and_html_show_the_differences(comparison):
    for shown in (repr(comparison), comparison._repr_html_()):
        for words in ("against now", "6 paired replications", "latency_p99_s", "usd_per_month", "keeps up"):
            assert words in shown
