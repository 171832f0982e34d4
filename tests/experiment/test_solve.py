"""The search for the cheapest setting: against brute force, and what it says of all that fell."""

import numpy as np
import pytest
from small_experiments import counted, small

import ddbsim as ds
from ddbsim.analysis.intervals import mean_interval, upper_bound
from ddbsim.experiment.solve.screening import closed_form, lambda_floor_usd, unstable
from ddbsim.experiment.solve.stretches import short_length_s
from ddbsim.experiment.vary.fields import grid

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


@pytest.mark.filterwarnings("ignore::ddbsim.IneffectiveSettingWarning")
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
    # the balanced and the fastest setting, and a longer run of each, included
    assert answer.effort.equivalent_runs < len(grid(space)) * runs


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


def refusing(**fields):
    """One partition that is offered 100 write units a second."""
    table = ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=200))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=100, item_bytes=900), duration_s=200, warmup_s=20, table=table
    )
    return ds.vary(scenario, fields) if fields else scenario


def test_what_makes_clients_give_up_writes_is_never_chosen():
    space = {"write_capacity_units": [10, 50, 150, 200]}
    answer = ds.solve(refusing(), slo=ds.SLO(latency_p99_s=2, lost_records=0), vary=space, **QUIET)
    assert answer.setting == {"write_capacity_units": 150}
    frame = answer.candidates.set_index("write_capacity_units")
    assert set(frame.loc[[10, 50], "state"]) <= {"fails", "unstable"}
    assert frame.loc[[10, 50], "why"].str.contains("table").all()


def test_refused_writes_are_allowed_by_a_target_of_their_own():
    slo = ds.SLO(latency_p99_s=5, lost_writes=1e9)
    assert slo.required(refusing()) == {"latency_p99_s": 5.0, "lost_writes": 1e9}
    assert ds.SLO(latency_p99_s=5).required(refusing())["lost_writes"] == 0.0


def test_an_index_that_refuses_writes_is_named():
    index = ds.GlobalSecondaryIndex(name="by_date", billing=ds.Provisioned(write_capacity_units=20))
    scenario = refusing(global_secondary_indexes=(index,))
    space = {"batch_size": [10, 100]}
    none = ds.solve(scenario, slo=ds.SLO(latency_p99_s=2), vary=space, **QUIET)
    assert none.setting is None
    assert none.candidates["why"].str.contains("index by_date|IndexWrite").all()


def timing_out(batch_size):
    """A full batch takes longer than the timeout from 60 records on; a backlog of 20 s makes full ones."""
    function = ds.Function(
        name="indexer", timeout_s=3, duration=ds.Duration(base_s=0.01, per_record_s=0.05), memory_mb=1_769
    )
    mapping = ds.EventSourceMapping(
        batch_size=batch_size, maximum_batching_window_in_seconds=5, function=function, parallelization_factor=4
    )
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=60),
        table=ds.Table(partitions=1),
        duration_s=240,
        warmup_s=20,
        event_source_mappings=mapping,
    )


def test_the_timeout_that_broke_a_setting_is_named():
    answer = ds.solve(timing_out(20), slo=ds.SLO(latency_p99_s=8), vary={"batch_size": [20, 1_000]}, **QUIET)
    why = answer.candidates.set_index("batch_size")["why"]
    assert "every batch of 1,000 records takes longer than timeout_s 3 s" in why[1_000]
    assert answer.setting == {"batch_size": 20}


def test_running_out_of_memory_is_named_and_never_chosen():
    scenario = small(maximum_retry_attempts=0, out_of_memory_bytes=1)
    none = ds.solve(scenario, slo=ds.SLO(failed_invocations=0), vary={"batch_size": [50, 100]}, **QUIET)
    assert none.setting is None
    assert none.candidates["why"].str.contains("out of memory, with events of more than 1 bytes").all()


def test_a_lack_of_concurrency_is_named():
    scenario = steady(200, base_s=0.2, batch_size=5, reserved_concurrency=4, parallelization_factor=10)
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=3), vary={"reserved_concurrency": [9, 40]}, **QUIET)
    why = answer.candidates.set_index("reserved_concurrency")["why"]
    assert "reserved_concurrency" in why[9] or "concurrency" in why[9]
    assert answer.setting == {"reserved_concurrency": 40}


def test_a_run_that_would_not_fit_is_refused_before_the_first(tmp_path):
    scenario = ds.vary(counted(tmp_path), {"workload.rate_per_s": 1_000, "duration_s": 86_400})
    with pytest.raises(
        ds.TooManyRecordsError, match=r"24 h have more records .* shorten duration_s to at most [\d,]+ s"
    ):
        ds.solve(scenario, slo=ds.SLO(latency_p99_s=2), vary={"batch_size": [100, 1_000]}, **QUIET)
    assert not list(tmp_path.iterdir())


def test_failed_runs_are_never_told_as_nothing_that_holds(tmp_path):
    scenario = counted(tmp_path, fails_for=(0, 1))
    none = ds.solve(scenario, slo=ds.SLO(latency_p99_s=9.0), vary={"batch_size": [50, 100]}, **QUIET)
    assert "no answer: the runs of 2 of 2 settings failed" in repr(none)
    assert "nothing in this space holds it" not in repr(none)
    assert "told to fail" in none.advice


def overloaded(**fields):
    """One lane that carries 100 records/s by the closed form, and less: its reads have gaps."""
    function = ds.Function(
        name="indexer", duration=ds.Duration(base_s=0.095), cold_start=ds.ColdStart(init=0, placement_s=0)
    )
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=98.5),
        table=ds.Table(partitions=1),
        event_source_mappings=ds.EventSourceMapping(
            batch_size=10, function=function, poller=ds.Poller(turnaround_s=0.005), maximum_retry_attempts=5
        ),
        duration_s=240,
        warmup_s=20,
    )
    return ds.vary(scenario, fields) if fields else scenario


def test_what_does_not_keep_up_is_never_chosen_though_its_target_is_met():
    space = {"error_probability": [0.0, 0.05], "rate_per_s": [90]}
    answer = ds.solve(overloaded(), slo=ds.SLO(failed_invocations=10_000), vary=space, minimise="invocations", **QUIET)
    behind = answer.candidates.set_index("error_probability").loc[0.05]
    assert behind["state"] in ("falls behind", "unstable")
    assert behind["keeps_up"] == "does not keep up"


def test_runs_too_short_to_tell_are_said_to_be_and_by_how_much():
    # two batching windows are no trend, and a spike cannot be made longer
    at_once = ds.Spike(base_per_s=59, peak_per_s=61, at_s=10, lasting_s=5)
    scenario = small(rate_per_s=at_once, maximum_batching_window_in_seconds=10, batch_size=1_000)
    none = ds.solve(scenario, slo=ds.SLO(latency_p99_s=90), vary={"batch_size": [900, 1_000]}, **QUIET)
    assert none.setting is None
    assert set(none.candidates["state"]) == {"undecided"}
    words = r"a run of 40 s is too short to tell whether it keeps up: duration_s must be about ([\d,]+) \([\d.]+ times"
    wanted = none.candidates["why"].str.extract(words)[0].str.replace(",", "").astype(float)
    assert wanted.between(85, 4_000).all()
    longer = ds.vary(scenario, {"duration_s": float(wanted.iloc[0])})
    assert ds.replicate(longer, 3, **QUIET).keeps_up == "keeps up"
    assert "nothing in this space holds it" not in repr(none)
    assert "no answer: whether 2 of 2 settings hold it is not decided" in repr(none)


def test_short_steady_runs_are_followed_by_a_longer_one():
    scenario = small(maximum_batching_window_in_seconds=10, batch_size=1_000)
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=90), vary={"batch_size": [900, 1_000]}, **QUIET)
    chosen = answer.candidates[answer.candidates["state"] == "chosen"].iloc[0]
    assert chosen["keeps_up"] == "keeps up"
    assert "times as long" in chosen["why"]


def test_a_setting_that_discards_records_is_not_preferred_for_it():
    scenario = small(error_probability=0.2)
    space = {"maximum_retry_attempts": [0, 5]}
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=30), vary=space, **QUIET)
    assert answer.setting == {"maximum_retry_attempts": 5}
    fallen = answer.candidates.set_index("maximum_retry_attempts").loc[0]
    assert fallen["state"] == "fails"
    assert "records of a run are lost, and 0 today" in fallen["why"]
    allowed = ds.solve(scenario, slo=ds.SLO(latency_p99_s=30, lost_records=1e9), vary=space, **QUIET)
    assert allowed.setting == {"maximum_retry_attempts": 0}


def test_records_that_are_lost_today_too_are_told_in_the_answer():
    scenario = small(error_probability=0.2, maximum_retry_attempts=0)
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=30), vary={"batch_size": [80, 100]}, **QUIET)
    assert "records of a run lost, of which the SLO says nothing" in repr(answer)
    assert (answer.choices["lost_records"] > 0).all()


def test_the_choice_is_told_with_today_beside_it():
    scenario = steady(40, maximum_batching_window_in_seconds=10, batch_size=1_000)
    space = {"maximum_batching_window_in_seconds": [0, 1, 2, 4], "batch_size": [50]}
    answer = ds.solve(scenario, slo=ds.SLO(latency_p99_s=5), vary=space, **QUIET)
    choices = answer.choices.set_index("role")
    assert list(choices.index) == ["cheapest", "balanced", "fastest", "today"]
    assert choices.loc["today", "setting"] == {"maximum_batching_window_in_seconds": 10, "batch_size": 1_000}
    assert not choices.loc["today", "holds"]
    assert choices.loc[["cheapest", "balanced", "fastest"], "holds"].all()
    assert choices.loc["cheapest", "setting"] == answer.setting
    assert choices.loc["fastest", "setting"]["maximum_batching_window_in_seconds"] == 0
    assert choices.loc["cheapest", "usd"] < choices.loc["balanced", "usd"] <= choices.loc["fastest", "usd"]
    assert choices.loc["cheapest", "metric"] > choices.loc["balanced", "metric"] >= choices.loc["fastest", "metric"]
    assert choices.loc["cheapest", "margin"] == pytest.approx(1 - choices.loc["cheapest", "metric"] / 5)
    assert choices.loc["fastest", "difference"] == pytest.approx(
        choices.loc["fastest", "usd"] - choices.loc["today", "usd"], rel=0.05
    )
    for shown in (repr(answer), answer._repr_html_()):
        for words in ("cheapest", "balanced", "fastest", "today", "margin"):
            assert words in shown


def test_todays_setting_holds_where_it_does_though_it_is_not_among_those_tried():
    scenario = steady(40, maximum_batching_window_in_seconds=3, batch_size=1_000)
    space = {"maximum_batching_window_in_seconds": [0, 4], "batch_size": [50]}
    choices = ds.solve(scenario, slo=ds.SLO(latency_p99_s=5), vary=space, **QUIET).choices.set_index("role")
    assert choices.loc["today", "holds"]
    assert choices.loc["today", "margin"] > 0


def test_short_runs_are_not_for_what_happens_at_its_time():
    for fields in (
        {"splits": ds.Split(at_s=50)},
        {"created_s": 30.0},
        {"suspensions": ds.Suspension(start_s=50, end_s=60)},
        {"disabled_s": 200.0},
        {"time_to_live": ds.TimeToLive(after_s=60)},
        {"poison_items": (3,)},
        {"billing": ds.Provisioned(write_capacity_units=41)},
    ):
        assert short_length_s([steady(40, **fields)]) is None, fields
    # far below its limits a table is the same all the time
    assert short_length_s([steady(40, billing=ds.Provisioned(write_capacity_units=400))]) is not None
