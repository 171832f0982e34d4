"""The verdict on keeping up is in every comparison, and what grows without limit is called so."""

import math

import numpy as np
import pytest
from small_experiments import small

import ddbsim as ds

QUIET = {"rng": 7, "executor": "serial", "progress": False}
# one record a batch: 200 a second are far beyond what two lanes carry
TOO_MUCH = {"rate_per_s": 200.0, "batch_size": 1}


def busy(**fields):
    return small(**({"rate_per_s": 200.0, "duration_s": 60.0} | fields))


def test_replications_say_whether_the_design_keeps_up():
    told = ds.replicate(busy(batch_size=1), 2, **QUIET)
    assert told.keeps_up == "does not keep up"
    for shown in (repr(told), told._repr_html_()):
        assert "does not keep up" in shown
        assert "grows without limit" in shown
        assert "at least" in shown
        assert "USD: it processed" in shown
        assert "inf" not in shown.replace("information", "")
    assert ds.replicate(busy(duration_s=120), 2, **QUIET).keeps_up == "keeps up"


def test_a_sweep_has_the_verdict_of_each_setting():
    told = ds.sweep(busy(duration_s=120), {"batch_size": [1, 100]}, replications=2, **QUIET)
    assert told.settings()["keeps_up"].tolist() == ["does not keep up", "keeps up"]
    verdicts = told.frame.groupby("batch_size")["keeps_up"].unique().map(list)
    assert verdicts.tolist() == [["does not keep up"], ["keeps up"]]
    assert "grows without limit" in repr(told)
    assert "batch_size = 1 does not keep up: at least" in repr(told)
    assert "batch_size = 100 does" not in repr(told)


def test_a_comparison_calls_the_difference_to_what_grows_unbounded():
    now = busy(duration_s=120, name="now")
    told = ds.compare(now, ds.vary(now, {"batch_size": 1, "name": "single"}), replications=2, **QUIET)
    row = told.frame[told.frame["metric"] == "latency_p99_s"].iloc[0]
    assert row["keeps_up"] == "does not keep up"
    assert row["mean"] == row["difference"] == math.inf
    assert row["differs"]
    assert "unbounded" in repr(told)
    assert "single does not keep up: at least" in repr(told)
    back = ds.compare({"single": ds.vary(now, {"batch_size": 1}), "now": now}, replications=2, **QUIET)
    row = back.frame[back.frame["metric"] == "latency_p99_s"].iloc[0]
    assert row["difference"] == -math.inf
    assert row["keeps_up"] == "keeps up"


def test_the_difference_of_two_that_grow_is_not_known():
    now = busy(batch_size=1, name="now")
    told = ds.compare(now, ds.vary(now, {"rate_per_s": 250.0, "name": "more"}), replications=2, **QUIET)
    row = told.frame[told.frame["metric"] == "latency_p99_s"].iloc[0]
    assert math.isnan(row["difference"])
    assert "nan" not in repr(told)


def test_a_tornado_names_the_end_that_does_not_keep_up():
    told = ds.tornado(busy(duration_s=120), {"batch_size": (1, 200)}, replications=2, **QUIET)
    row = told.swings().iloc[0]
    assert row["low"] == row["swing"] == math.inf
    assert np.isfinite(row["high"])
    assert (row["low_keeps_up"], row["high_keeps_up"]) == ("does not keep up", "keeps up")
    assert "1: unbounded (does not keep up)" in repr(told)
    assert repr(told).startswith("latency_p99_s, one field at a time: differences to")
    ax = ds.plots.tornado(told)
    assert next(text.get_text() for text in ax.texts) == "1: unbounded"


def test_a_latin_hypercube_has_the_verdicts_too():
    told = ds.latin_hypercube(busy(), {"batch_size": [1, 2, 100]}, points=3, **QUIET)
    assert set(told.settings().query("batch_size == 1")["keeps_up"]) == {"does not keep up"}


@pytest.mark.parametrize("metric", ["latency_p50_s", "latency_p99_s"])
def test_plots_of_a_comparison_bear_what_is_unbounded(metric):
    now = busy(duration_s=120, name="now")
    told = ds.compare(now, ds.vary(now, {"batch_size": 1, "name": "single"}), replications=2, **QUIET)
    assert ds.plots.differences(told, metric)
