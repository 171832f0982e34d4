"""The summary: what it counts, and which remedy it names where the load exceeds what the design carries."""

import pytest

import ddbsim as ds
from ddbsim.analysis import latency

SLOW = ds.Duration(base_s=0.5)


def simulate(rate_per_s=200.0, *, function=None, duration_s=60, **fields):
    mapping = fields.pop("mapping", {})
    workload = fields.pop("workload", None) or ds.PoissonWrites(rate_per_s=rate_per_s, **fields.pop("writes", {}))
    reading = ds.EventSourceMapping(**{"batch_size": 10, "function": ds.Function(**(function or {}))} | mapping)
    scenario = ds.Scenario(
        **{"workload": workload, "event_source_mappings": reading, "duration_s": duration_s} | fields
    )
    return ds.simulate(scenario, rng=7, progress=False)


BINDING = {
    "lanes": (lambda: simulate(200, function={"duration": SLOW}), "parallelization_factor"),
    "concurrency": (
        lambda: simulate(40, function={"duration": SLOW, "reserved_concurrency": 1}),
        "reserved_concurrency",
    ),
    "concurrency of the account": (
        lambda: simulate(60, function={"duration": SLOW}, account_concurrency=2),
        "account's concurrency",
    ),
    "reads": (
        lambda: simulate(
            150,
            writes={"item_bytes": 100_000},
            mapping={"batch_size": 100, "parallelization_factor": 10},
            duration_s=20,
        ),
        "fewer bytes per record",
    ),
    "hottest lane": (
        lambda: simulate(
            150,
            writes={"keys": ds.HotSet(items=1_000, hot_items=1, hot_share=0.8)},
            function={"duration": ds.Duration(base_s=0.2)},
            mapping={"parallelization_factor": 5},
        ),
        "spread the hot item's writes",
    ),
    "timeout": (
        lambda: simulate(150, function={"duration": ds.Duration(per_record_s=0.05)}, mapping={"batch_size": 100}),
        "timeout_s",
    ),
}


@pytest.mark.parametrize("case", BINDING)
def test_the_limit_that_binds_is_named_with_its_knob(case):
    make, remedy = BINDING[case]
    result = make()
    (note,) = [note for note in result.summary.warnings if "backlog grows" in note]
    limit = case.removesuffix(" of the account")
    assert f"the {limit} limit allows" in note
    assert remedy in note.split("what binds:")[1]
    assert "function: does not keep up: offered " in note
    # and it is true: what waits at the end has grown since the middle
    behind = result.lag(result.ended_s / 2).groupby("at_s")["records_behind"].sum()
    assert behind.iloc[1] > 1.5 * behind.iloc[0] > 0


def test_a_design_that_keeps_up_has_nothing_to_warn_of():
    result = simulate(30)
    assert result.summary.warnings == ()
    assert (result.capacity()["load"] < 1).all()


def test_offered_load_is_counted_after_the_warm_up_and_before_the_end():
    result = simulate(workload=ds.PoissonWrites(rate_per_s=ds.Steps((0, 30), (100, 10))), warmup_s=30)
    assert result.capacity()["offered_per_s"].iloc[0] == pytest.approx(10, rel=0.2)
    result = simulate(workload=ds.PoissonWrites(rate_per_s=ds.Steps((0, 30), (100, 10))))
    result.ended_s = 30.0
    assert result.capacity()["offered_per_s"].iloc[0] == pytest.approx(100, rel=0.1)


def test_the_load_of_one_lane_is_that_of_its_shard():
    rows = simulate(60).capacity().set_index("limit")
    log = simulate(60).stream_log
    busiest = log["shard_id"].value_counts().iloc[0] / 60
    assert rows.loc["hottest lane", "offered_per_s"] == pytest.approx(busiest)
    assert rows.loc["hottest lane", "records_per_s"] == pytest.approx(rows.loc["lanes", "records_per_s"] / 4)


def test_counts_are_those_of_the_frames():
    function = {"failures": ds.Failures(error_probability=0.3)}
    result = simulate(40, function=function, mapping={"maximum_retry_attempts": 0})
    row = result.summary.frame.iloc[0]
    outcomes = result.stream_log["outcome"].value_counts()
    assert row["records processed"] == f"{outcomes['processed']:,}"
    assert row["records discarded"] == f"{outcomes['discarded']:,}"
    assert row["invocations"] == f"{len(result.invocations):,}"
    assert row["failed invocations"] == f"{(result.invocations['outcome'] == 'error').sum():,}"
    assert f"{outcomes['discarded']:,} records were given up or expired: see result.discards" in result.summary.warnings


def test_each_mapping_has_its_column_and_an_outcome_that_only_the_other_had_is_0():
    lossy = ds.Function(name="lossy", failures=ds.Failures(error_probability=0.5))
    pair = (ds.EventSourceMapping(function=lossy, maximum_retry_attempts=0), ds.EventSourceMapping())
    frame = simulate(40, event_source_mappings=pair).summary.frame.set_index("event_source_mapping")
    assert list(frame.index) == ["lossy", "function"]
    assert frame.loc["function", "records discarded"] == "0"
    assert frame.loc["lossy", "records discarded"] != "0"
    assert frame.notna().all().all()


def test_text_and_html_say_the_same():
    result = simulate(200, mapping={"name": "<i>"}, function={"duration": SLOW}, name="a & b", duration_s=20)
    text, page = str(result.summary), result._repr_html_()
    assert repr(result) == text
    assert text.startswith("a & b: 20 s simulated, ")
    assert "a &amp; b: 20 s simulated, " in page
    assert "<i>" not in page
    assert "&lt;i&gt;: does not keep up: offered" in page
    assert "! <i>: does not keep up: offered" in text
    for words in ("latency p99 (s)", "peak iterator age (s)", "utilization of lanes", "throttles"):
        assert words in text
        assert words in page


def test_an_interrupted_run_says_so():
    result = simulate(40)
    result.ended_s = 20.0
    assert result.partial
    assert "the run was interrupted at 20 of 60 s" in result.summary.warnings
    written = (result.writes["written_s"] < 20).sum()
    assert f"20 s simulated, {written:,} writes" in result.summary.title


def test_a_run_without_writes_has_a_summary():
    result = simulate(0)
    assert "records processed" in str(result)
    assert result.summary.warnings == ()
    assert "nan" not in str(result).lower()


def test_latencies_of_all_mappings_are_asked_for_once(monkeypatch):
    mappings = tuple(ds.EventSourceMapping(name=f"m{number}", batch_size=1) for number in range(6))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=400), event_source_mappings=mappings, duration_s=40, warmup_s=5
    )
    result = ds.simulate(scenario, rng=7, progress=False)
    asked, quantiles = [], latency.quantiles
    monkeypatch.setattr(latency, "quantiles", lambda *args, **kwargs: asked.append(1) or quantiles(*args, **kwargs))
    frame = result.summary.frame
    assert len(asked) == 1
    assert list(frame["event_source_mapping"]) == [mapping.label for mapping in mappings]
    assert (frame["latency p99 (s)"] == "grows without limit").all()


def test_a_backlog_that_stands_still_is_told_without_a_growth():
    function = {"failures": ds.Failures(poison_items=(0,))}
    told = simulate(workload=ds.ItemWrites([(0.0, "put", {"pk": "a"})]), function=function).summary.warnings
    assert told[0] == (
        "function: does not keep up: nothing more is written, and nothing of what waits on 1 shard is worked off; "
        "it processed 0% of what was written"
    )
