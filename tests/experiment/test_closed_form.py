"""The closed form against runs: for every kind of workload, and every part of a duration."""

import math
from dataclasses import replace

import pytest
from every_workload import WORKLOADS

import ddbsim as ds
from ddbsim.result.capacity import Offered, full_batch

# lanes whose batches are shorter than the 250 ms between polls wait for the next page now and then
TOLERANCE = 0.15


def saturated(mapping, *, rate=20_000, partitions=2, view_type="NEW_AND_OLD_IMAGES", duration_s=40, **writes):
    """Return a scenario that offers far more than its lanes carry."""
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate, keys=ds.UniformKeys(items=50_000), **writes),
        table=ds.Table(partitions=partitions),
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=mapping,
        duration_s=duration_s,
        warmup_s=10,
    )


def carried_per_s(result, label):
    log = result.stream_log[result.stream_log["event_source_mapping"] == label]
    inside = (log["completed_s"] >= 10) & (log["completed_s"] < result.ended_s)
    return inside.sum() / (result.ended_s - 10)


def reading(*, batch_size=100, function=None, **fields):
    function = ds.Function(**{"timeout_s": 900, "duration": ds.Duration(base_s=0.05)} | (function or {}))
    return ds.EventSourceMapping(
        **{"batch_size": batch_size, "function": function, "maximum_batching_window_in_seconds": 1} | fields
    )


DURATIONS = {
    "base": saturated(reading()),
    "no window": saturated(reading(maximum_batching_window_in_seconds=0)),
    "per record": saturated(reading(function={"duration": ds.Duration(base_s=0.01, per_record_s=0.002)})),
    "payload": saturated(reading(function={"duration": ds.Duration(per_kb_s=0.001)})),
    "noise": saturated(
        reading(function={"duration": ds.Duration(base_s=0.05, noise=ds.LogNormal(median=1, sigma=0.6))})
    ),
    "memory": saturated(
        reading(function={"memory_mb": 512, "duration": ds.Duration(base_s=0.05, measured_at_mb=1024)})
    ),
    "read-backs, of inserts alone": saturated(reading(function={"needs": {"INSERT": "new"}}), view_type="KEYS_ONLY"),
    "read-backs, one by one": saturated(reading(function={"needs": "new"}), view_type="KEYS_ONLY"),
    "read-backs, batched": saturated(
        reading(function={"needs": "new", "read_back": ds.ReadBack(batched=True)}), view_type="KEYS_ONLY"
    ),
    "read-backs, but not of what was removed": saturated(
        reading(function={"needs": "new", "read_back": ds.ReadBack(latency=0.01)}),
        view_type="KEYS_ONLY",
        operations=ds.OperationMix(insert=0.4, modify=0.2, remove=0.4),
    ),
    "random errors": saturated(reading(function={"failures": ds.Failures(error_probability=0.3)}), duration_s=150),
    "parallel lanes": saturated(reading(parallelization_factor=4)),
    "events of 6 MB": saturated(
        reading(batch_size=1_000, function={"duration": ds.Duration(base_s=4.0)}),
        item_bytes=20_000,
        rate=2_000,
        view_type="NEW_IMAGE",
    ),
    "a filter's share": saturated(
        reading(filter_criteria=({"dynamodb": {"NewImage": {"a": {"S": ["x"]}}}},), filter_match_fraction=0.3)
    ),
    "two mappings of a function with little concurrency": saturated(
        tuple(
            reading(name=name, function={"reserved_concurrency": 2, "duration": ds.Duration(base_s=0.2)})
            for name in ("a", "b")
        ),
        rate=8_000,
        duration_s=100,
    ),
}


def test_lanes_with_batches_longer_than_a_poll_carry_it_within_three_per_cent():
    scenario = saturated(reading(function={"duration": ds.Duration(base_s=0.4)}), duration_s=100)
    allowed = ds.closed_form(scenario).set_index("limit").loc["lanes", "records_per_s"]
    result = ds.simulate(scenario, rng=7, progress=False)
    assert carried_per_s(result, "function") == pytest.approx(allowed, rel=0.03)


@pytest.mark.parametrize("name", DURATIONS)
def test_saturated_lanes_carry_what_the_closed_form_says(name):
    scenario = DURATIONS[name]
    result = ds.simulate(scenario, rng=7, progress=False)
    form = ds.closed_form(scenario)
    # throttled lanes wait for their retries, which no closed form of the concurrency has
    tolerance = 0.35 if "concurrency" in name else TOLERANCE
    for mapping in scenario.mappings:
        mine = form[form["event_source_mapping"] == mapping.label].set_index("limit")
        passed = mapping.filter_match_fraction or 1.0
        allowed = min(
            mine["records_per_s"].drop(["hottest item", "reads"], errors="ignore").min(),
            mine.loc["reads", "records_per_s"] * passed,
        )
        got = carried_per_s(result, mapping.label)
        assert (1 - tolerance) * allowed < got < 1.03 * allowed
    assert form["load"].iloc[0] > 1
    assert (result.keeping_up()["verdict"] == "does not keep up").all()


def test_the_loads_of_a_run_are_those_of_its_closed_form():
    for name, scenario in DURATIONS.items():
        form = ds.closed_form(scenario).set_index(["event_source_mapping", "limit"])
        run = ds.simulate(scenario, rng=7, progress=False).capacity().set_index(["event_source_mapping", "limit"])
        for limit in set(form.index) & set(run.index):
            rel = 0.06
            assert run.loc[limit, "records_per_s"] == pytest.approx(form.loc[limit, "records_per_s"], rel=rel), name
            assert run.loc[limit, "offered_per_s"] == pytest.approx(form.loc[limit, "offered_per_s"], rel=rel), name


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_is_offered_to_the_closed_form_as_it_comes(name):
    scenario = ds.Scenario(workload=WORKLOADS[name](), duration_s=60)
    form = ds.closed_form(scenario).set_index("limit")
    run = ds.simulate(scenario, rng=7, progress=False).capacity().set_index("limit")
    assert form.loc["lanes", "offered_per_s"] == pytest.approx(run.loc["lanes", "offered_per_s"], rel=0.06)
    assert form.loc["lanes", "records_per_s"] == pytest.approx(run.loc["lanes", "records_per_s"], rel=0.06)
    assert form.loc["reads", "records_per_s"] == pytest.approx(run.loc["reads", "records_per_s"], rel=0.06)
    assert "hottest item" in form.index


def test_a_full_batch_is_bounded_by_a_read_and_what_passes_of_it():
    pages = ds.Poller(records_per_read=400)
    with pytest.warns(ds.IneffectiveSettingWarning, match="400 records of one read"):
        scenario = saturated(reading(batch_size=1_000, maximum_batching_window_in_seconds=0, poller=pages))
    mapping, offered = scenario.mappings[0], Offered(records_per_s=1.0, record_bytes=100.0)
    for passed, records in ((None, 400.0), (1.0, 400.0), (0.5, 200.0), (0.0, 1.0)):
        assert full_batch(scenario, mapping, replace(offered, passed_share=passed)).records == records


@pytest.mark.parametrize(("chance", "retries", "times"), [(1.0, -1, math.inf), (1.0, 2, 3.0), (0.5, 2, 1.75)])
def test_a_batch_that_fails_keeps_its_lane_for_its_retries(chance, retries, times):
    failing = {"failures": ds.Failures(error_probability=chance), "duration": ds.Duration(base_s=2.0)}
    no_delay = ds.Backoff(initial_s=1e-3, cap_s=1e-3)
    scenario = saturated(reading(function=failing, maximum_retry_attempts=retries, retry_backoff=no_delay))
    full = full_batch(scenario, scenario.mappings[0], Offered(records_per_s=1.0, record_bytes=100.0))
    assert full.duration_s == pytest.approx(2.0)
    assert full.busy_s == pytest.approx(2.0 * times, rel=1e-3)


def test_the_busiest_shard_of_a_reader_has_the_hottest_item_and_its_part_of_the_rest():
    one = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=100, keys=ds.HotSet(items=1_000, hot_items=1, hot_share=0.4)),
        table=ds.Table(partitions=3),
        event_source_mappings=(),
        stream_readers=ds.StreamReader(kind="kcl"),
        duration_s=60,
    )
    form = ds.closed_form(one).set_index("limit")["offered_per_s"]
    assert form["reads"] == pytest.approx(100)
    assert form["busiest shard"] == pytest.approx(100 * (0.4 + 0.6 / 3))


def test_read_backs_that_overload_a_mapping_are_seen():
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=5_000),
        table=ds.Table(partitions=8),
        stream=ds.Stream(view_type="KEYS_ONLY"),
        event_source_mappings=ds.EventSourceMapping(
            batch_size=100, function=ds.Function(duration=ds.Duration(base_s=0.05), needs="new", timeout_s=60)
        ),
        duration_s=30,
        warmup_s=5,
    )
    assert ds.closed_form(scenario).set_index("limit").loc["lanes", "load"] > 1.5
    result = ds.simulate(scenario, rng=7, progress=False)
    assert result.capacity().set_index("limit").loc["lanes", "load"] > 1.5
    assert result.keeping_up()["verdict"].tolist() == ["does not keep up"]


def test_writes_in_batches_that_change_nothing_are_not_called_unstable():
    def scenario(workload):
        mapping = reading(batch_size=85, function={"duration": ds.Duration(base_s=0.1)})
        return ds.Scenario(
            workload=workload, table=ds.Table(partitions=1), event_source_mappings=mapping, duration_s=60
        )

    plain = ds.PoissonWrites(rate_per_s=1_000, operations=ds.OperationMix(modify=0.6, no_op=0.4))
    loads = [ds.closed_form(scenario(one)).loc[0, "load"] for one in (plain, ds.BatchedWrites(workload=plain, size=5))]
    assert loads[0] == loads[1] < 1
