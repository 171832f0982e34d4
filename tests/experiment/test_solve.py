"""The search for the cheapest setting: against brute force, and what it says of all that fell."""

import numpy as np
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.experiment.fields import grid
from ddbsim.experiment.intervals import mean_interval, upper_bound
from ddbsim.experiment.race import short_length_s
from ddbsim.experiment.screening import closed_form, lambda_floor_usd, unstable

QUIET = {"rng": 7, "executor": "serial", "progress": False}


def steady(rate_per_s, **fields):
    """Steady traffic that is long enough for short runs."""
    return small(rate_per_s=rate_per_s, duration_s=240.0, warmup_s=10.0, **fields)


# scenario, target of p99, space: a window worth its wait, a handler that needs lanes, memory worth its price
CASES = {
    "window": (
        steady(40),
        2.0,
        {"maximum_batching_window_in_seconds": [0, 1, 2, 4], "batch_size": [5, 50]},
    ),
    "lanes": (
        steady(120, base_s=0.2, per_record_s=0.004),
        1.2,
        {"parallelization_factor": [1, 2, 4], "batch_size": [2, 20], "memory_mb": [128, 256]},
    ),
    "concurrency": (
        small(rate_per_s=200, reserved_concurrency=4, parallelization_factor=4),
        1.2,
        {"reserved_concurrency": [2, 4, 8], "batch_size": [10, 100], "maximum_batching_window_in_seconds": [0, 1]},
    ),
}


@pytest.mark.filterwarnings("ignore::ddbsim.AcceptedWithATrap")
@pytest.mark.parametrize("case", CASES)
def test_it_chooses_as_brute_force_over_the_full_grid_does(case):
    scenario, target, space = CASES[case]
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=target), vary=space, **QUIET)
    stable = [setting for setting in grid(space) if not unstable(ds.vary(scenario, setting))]
    runs = 4
    costs, feasible = {}, set()
    for number, setting in enumerate(stable):
        brute = ds.replicate(ds.vary(scenario, setting), runs, **QUIET).runs
        costs[number] = brute["usd_per_month"].to_numpy()
        if upper_bound(brute["latency_p99_s"], 0.05) <= target:
            feasible.add(number)
    best = min(feasible, key=lambda number: costs[number].mean())
    chosen = stable.index(answer.setting)
    assert chosen in feasible
    # the same, or one whose cost on the same writes cannot be told from the best's
    extra = mean_interval(costs[chosen] - costs[best])
    assert chosen == best or extra.low <= 0.0
    assert answer.effort.equivalent_runs < 0.7 * len(grid(space)) * runs


@pytest.fixture(scope="module")
def answer():
    scenario, target, space = CASES["window"]
    return ds.solve(scenario, slo=ds.SLO(latency_p99_s=target), vary=space, **QUIET)


def test_every_candidate_has_its_interval_and_its_reason(answer):
    frame = answer.candidates
    assert len(frame) == 8
    assert (frame["state"] == "chosen").sum() == 1
    assert frame["why"].str.len().gt(10).all()
    ran = frame[frame["full_runs"] + frame["short_runs"] > 0]
    for name in ("latency_p99_s", "usd_per_month"):
        assert (ran[f"{name}_low"] <= ran[name]).all()
        assert (ran[name] <= ran[f"{name}_high"]).all()
    unseen = frame[frame["full_runs"] + frame["short_runs"] == 0]
    assert unseen["usd_per_month"].isna().all()
    assert unseen["why"].str.contains("not simulated").all()
    assert len(unseen) == answer.effort.screened


def test_the_chosen_ones_interval_lies_within_the_target(answer):
    chosen = answer.candidates[answer.candidates["state"] == "chosen"].iloc[0]
    assert chosen["latency_p99_s_high"] <= 2.0
    assert chosen["full_runs"] >= 4
    alone = ds.replicate(answer.scenario, int(chosen["full_runs"]), **QUIET)
    assert chosen["latency_p99_s"] == alone.runs["latency_p99_s"].mean()
    assert chosen["usd_per_month"] == alone.runs["usd_per_month"].mean()
    assert ds.vary(CASES["window"][0], answer.setting) == answer.scenario


def test_none_is_better_than_the_front_in_both(answer):
    ran = answer.candidates.dropna(subset=["usd_per_month"])
    for row in answer.pareto.itertuples():
        better = (ran["usd_per_month"] < row.usd_per_month) & (ran["latency_p99_s"] < row.latency_p99_s)
        assert not better.any()
    assert answer.pareto["usd_per_month"].is_monotonic_increasing
    assert answer.pareto["latency_p99_s"].is_monotonic_decreasing


def test_it_says_what_binds_and_what_to_type(answer):
    assert answer.capacity.iloc[0]["load"] == answer.capacity["load"].max()
    assert answer.capacity.iloc[0]["limit"] in answer.bottleneck
    window = answer.setting["maximum_batching_window_in_seconds"]
    assert f"--maximum-batching-window-in-seconds {window}" in answer.snippets.cli
    for shown in (repr(answer), answer._repr_html_()):
        for words in ("latency_p99_s", "usd_per_month", "full grid", "what binds first"):
            assert words in shown


def test_the_answer_does_not_depend_on_the_executor(answer, tmp_path):
    scenario, target, space = CASES["window"]
    options = {"rng": 7, "progress": False, "store": tmp_path / "runs"}
    for reused in (False, True):
        other = ds.solve(scenario, slo=ds.SLO(latency_p99_s=target), vary=space, executor=2, **options)
        assert other.candidates.equals(answer.candidates)
        assert bool(other.effort.reused) == reused


def test_nothing_that_holds_is_an_answer_with_the_nearest_miss():
    space = {"maximum_batching_window_in_seconds": [2, 5], "batch_size": [100]}
    none = ds.solve(small(), slo=ds.SLO(latency_p99_s=0.2), vary=space, **QUIET)
    assert none.setting is None
    assert none.scenario is None
    assert set(none.candidates["state"]) == {"fails"}
    assert "nearest miss is maximum_batching_window_in_seconds = 2" in none.advice
    assert "less maximum_batching_window_in_seconds helps" in none.advice
    assert "nothing in this space holds it" in repr(none)


def test_only_unstable_settings_are_never_simulated(tmp_path):
    scenario = ds.vary(counted(tmp_path), {"base_s": 1.0, "per_record_s": 0.05})
    none = ds.solve(scenario, slo=ds.SLO(latency_p99_s=2.0), vary={"batch_size": [1, 10]}, **QUIET)
    assert set(none.candidates["state"]) == {"unstable"}
    assert not list(tmp_path.iterdir())
    assert "every setting is unstable; the nearest is batch_size = 10" in none.advice
    assert none.effort.equivalent_runs == 0


def test_a_setting_whose_runs_fail_is_no_answer(tmp_path):
    scenario = counted(tmp_path, fails_for=(1,))
    none = ds.solve(scenario, slo=ds.SLO(latency_p99_s=9.0), vary={"batch_size": [100]}, **QUIET)
    assert none.candidates["state"].tolist() == ["failed"]
    assert "told to fail" in none.candidates["why"][0]


def test_what_is_as_cheap_is_told():
    # larger batches than ever fill change nothing at all
    space = {"batch_size": [500, 900]}
    answer = ds.solve(small(), slo=ds.SLO(latency_p99_s=2.0), vary=space, **QUIET)
    assert answer.candidates["state"].tolist() == ["chosen", "as cheap"]


def test_an_undecided_setting_at_the_cap_is_not_chosen():
    runs = ds.replicate(small(), 8, **QUIET).runs["latency_p99_s"]
    slo = ds.SLO(latency_p99_s=float(runs.mean()))
    answer = ds.solve(small(), slo=slo, vary={"batch_size": [100]}, at_most=6, **QUIET)
    assert answer.candidates["state"].tolist() == ["undecided"]
    assert "6 full runs, the cap" in answer.candidates["why"][0]


def test_several_targets_must_all_hold():
    space = {
        "maximum_batching_window_in_seconds": [0, 1],
        "error_probability": [0.0, 0.2],
        "maximum_retry_attempts": [0],
    }
    answer = ds.solve(small(), slo=ds.SLO(latency_p99_s=1.9, lost_records=0), vary=space, **QUIET)
    assert answer.setting["error_probability"] == 0.0
    lost = answer.candidates[answer.candidates["error_probability"] > 0]
    assert set(lost["state"]) <= {"fails", "as cheap", "costs more"}


def test_short_runs_are_for_steady_traffic_alone():
    assert short_length_s([steady(40)]) == 10 + 125
    assert short_length_s([steady(4_000)]) == 10 + 30
    assert short_length_s([small()]) is None
    assert short_length_s([steady(40, maximum_batching_window_in_seconds=60)]) is None
    changing = ds.vary(steady(40), {"rate_per_s": ds.Spike(base_per_s=10, peak_per_s=80, at_s=50, lasting_s=20)})
    assert short_length_s([changing]) is None
    assert short_length_s([steady(40, outages=(ds.Outage(start_s=50, end_s=60),))]) is None


def test_the_closed_form_agrees_with_what_a_run_measures():
    scenario = small(rate_per_s=100, item_bytes=ds.LogNormal(median=900, p99=4_000))
    result = ds.simulate(scenario, rng=7, progress=False)
    alone = closed_form(scenario).set_index("limit")
    measured = result.capacity().set_index("limit")
    for limit in ("lanes", "concurrency", "reads"):
        assert alone.loc[limit, "records_per_s"] == pytest.approx(measured.loc[limit, "records_per_s"], rel=0.02)
        assert alone.loc[limit, "offered_per_s"] == pytest.approx(measured.loc[limit, "offered_per_s"], rel=0.1)


def test_a_setting_beyond_what_lanes_carry_is_unstable():
    assert unstable(small()) is None
    reason = unstable(small(rate_per_s=5_000))
    assert "5,000 records/s are offered to indexer, and its lanes allow" in reason


@pytest.mark.parametrize(
    "keys", [ds.UniformKeys(items=50), ds.Zipfian(items=50), ds.HotSet(items=50, hot_items=2, hot_share=0.6)]
)
def test_the_hottest_items_share_is_that_of_the_draws(keys):
    drawn = np.bincount(keys.draw(200_000, np.random.default_rng(1)), minlength=50) / 200_000
    share = keys.hottest_share
    assert share == pytest.approx(drawn.max(), rel=0.05)


def test_a_hot_item_binds_whatever_the_lanes():
    keys = ds.HotSet(items=50, hot_items=1, hot_share=0.9)
    scenario = small(rate_per_s=1_200, keys=keys, parallelization_factor=10)
    assert "hottest item" in unstable(scenario)


def test_a_large_zipfian_sum_needs_no_terms():
    exact = 1 / float((np.arange(1, 3_000_001) ** -0.8).sum())
    assert ds.Zipfian(items=3_000_000, theta=0.8).hottest_share == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_no_run_is_cheaper_than_the_floor(batch_size):
    scenario = small(batch_size=batch_size, duration_s=200.0)
    told = ds.replicate(scenario, 3, **QUIET).runs
    records = told["processed_records"].mean() / 195
    floor = lambda_floor_usd(scenario) * records / 60
    assert floor <= told["lambda_usd_per_month"].mean() * 1.001
    assert floor > 0


def test_full_batches_cost_what_the_floor_says():
    # a lane that is never idle sends full batches only
    scenario = small(rate_per_s=500, batch_size=10, noise=None, base_s=0.06, per_record_s=0.0, init=0, duration_s=60.0)
    told = ds.replicate(scenario, 1, **QUIET).runs.loc[0]
    assert told["records_per_invocation"] == pytest.approx(10, rel=0.01)
    carried_per_s = told["invocations"] * 10 / 55
    floor = lambda_floor_usd(ds.vary(scenario, {"rate_per_s": carried_per_s}))
    assert told["lambda_usd_per_month"] == pytest.approx(floor, rel=0.01)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({}, "an SLO must have a target, such as latency_p99_s=2.0, got none"),
        ({"latency_p98_s": 2}, "an SLO must be on one of latency_mean_s, .*, got 'latency_p98_s'"),
        ({"processed_records": 2}, "of processed_records more is no worse"),
        ({"latency_p99_s": -1}, "latency_p99_s must be a number >= 0, got -1"),
        ({"latency_p99_s": "2"}, "latency_p99_s must be a number >= 0, got '2'"),
        ({"latency_p99_s": 2, "confidence": 95}, "confidence must be a number > 0 and < 1"),
    ],
)
def test_bad_slos_are_told(targets, message):
    with pytest.raises(ValueError, match=message):
        ds.SLO(**targets)


def test_an_slo_may_be_for_one_mapping():
    slow = ds.EventSourceMapping(function=ds.Function(name="slow", duration=ds.Duration(base_s=0.5)))
    scenario = small(event_source_mappings=(small().mappings[0], slow))
    slo = ds.SLO(latency_p99_s=1.0, event_source_mapping="indexer")
    assert slo.metrics(scenario) == {"indexer.latency_p99_s": 1.0}
    assert slo.metrics(small()) == {"latency_p99_s": 1.0}
    assert ds.SLO(latency_p99_s=1.0) == ds.SLO(latency_p99_s=1)
    with pytest.raises(ValueError, match="event_source_mapping must be one of 'indexer', got 'other'"):
        ds.SLO(latency_p99_s=1.0, event_source_mapping="other").metrics(small())
    answer = ds.solve(
        scenario, slo=slo, vary={"event_source_mappings[indexer].batch_size": [10, 100]}, at_most=4, **QUIET
    )
    assert answer.setting is not None
    assert "indexer.latency_p99_s" in answer.candidates


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slo": 2.0}, r"solve: slo must be SLO\(...\), got 2.0"),
        ({"vary": {}}, "at least one"),
        ({"vary": {"bach_size": [1]}}, "no field 'bach_size'"),
        ({"vary": {"batch_size": [0]}}, "no setting of this space makes a scenario"),
        ({"minimise": "usd"}, "minimise must be one of"),
        ({"at_most": 1}, "at_most must be a whole number of replications >= 2, got 1"),
    ],
)
def test_bad_questions_are_told(arguments, message):
    question = {"slo": ds.SLO(latency_p99_s=2.0), "vary": {"batch_size": [1]}} | arguments
    with pytest.raises(ValueError, match=message):
        ds.solve(small(), **question, **QUIET)
