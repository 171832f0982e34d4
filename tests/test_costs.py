"""Bills of whole runs, against sums done by hand from their frames."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from random_scenarios import scenarios, seeds

import ddbsim as ds
from ddbsim.result.usage import billed_window_s, quantities

SCENARIO = ds.Scenario(
    workload=ds.PoissonWrites(rate_per_s=50, item_bytes=ds.LogNormal(median=900, p99=9_000)),
    event_source_mappings=ds.EventSourceMapping(
        function=ds.Function(memory_mb=512, architecture="arm64", ephemeral_storage_mb=1_536)
    ),
    duration_s=40,
    warmup_s=10,
)


def bill_of(scenario, **how):
    return ds.simulate(scenario, rng=7, progress=False).bill(**how)


def used(scenario):
    return quantities(ds.simulate(scenario, rng=7, progress=False))


def worked_example(consistency="eventual", view_type="KEYS_ONLY"):
    """5,000 writes/s of 1 KB, batches of 100 that take 50 ms at 512 MB, one read-back per record."""
    function = ds.Function(
        memory_mb=512,
        duration=ds.Duration(base_s=0.05),
        needs="new",
        read_back=ds.ReadBack(consistency=consistency, latency=0),
        cold_start=ds.ColdStart(init=0, placement_s=0),
    )
    return ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=5_000, item_bytes=1_024),
        table=ds.Table(partitions=8),
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=ds.EventSourceMapping(
            function=function, batch_size=100, maximum_batching_window_in_seconds=5
        ),
        duration_s=24,
        warmup_s=4,
    )


@pytest.mark.parametrize(("consistency", "usd"), [("eventual", 810), ("strong", 1_620)])
def test_the_worked_example_comes_out_of_a_simulation(consistency, usd):
    bill = bill_of(worked_example(consistency), month_hours=720)
    rows = bill.frame.set_index("component")["usd_per_month"]
    assert rows["write_request_units"] == pytest.approx(8_100, rel=0.01)
    assert rows["read_request_units"] == pytest.approx(usd, rel=0.01)
    assert rows["lambda_requests"] == pytest.approx(25.92, rel=0.01)
    assert rows["lambda_gb_seconds_x86_64"] == pytest.approx(54, rel=0.01)
    assert rows["stream_read_request_units"] == 0


def test_the_new_image_saves_the_read_backs_and_nothing_else():
    before, after = (bill_of(worked_example(view_type=view)) for view in ("KEYS_ONLY", "NEW_IMAGE"))
    diff = before.diff(after)
    assert diff.loc[0, "component"] == "read_request_units"
    assert diff.loc[1:, "change"].abs().max() < 1e-6


def test_the_window_that_is_scaled_leaves_out_the_warm_up():
    result = ds.simulate(SCENARIO, rng=7, progress=False)
    assert billed_window_s(result) == 30
    bill = result.bill()
    assert bill.window_s == 30
    assert "30 s scaled to a month of 730 h" in bill.note
    writes = result.writes[result.writes["written_s"] >= 10]
    row = bill.frame.set_index("component").loc["write_request_units"]
    assert row["quantity"] == writes["write_units"].sum()
    assert row["quantity_per_month"] == pytest.approx(writes["write_units"].sum() * 730 * 3_600 / 30)


def test_a_trace_is_scaled_by_its_own_length(tmp_path):
    path = tmp_path / "trace.csv"
    rows = [f"2026-01-01T00:0{minute}:00Z,{60 * (minute + 1)}\n" for minute in range(5)]
    path.write_text("timestamp,value\n" + "".join(rows))
    trace = ds.read_trace(path)
    bill = bill_of(ds.Scenario(workload=ds.TraceWrites(trace=trace)))
    assert bill.window_s == 300


def test_lambda_is_billed_by_the_millisecond_with_its_init_and_by_memory():
    result = ds.simulate(SCENARIO, rng=7, progress=False)
    ran = result.invocations[result.invocations["started_s"] >= 10]
    seconds = sum(math.ceil((row.duration_s + row.init_s) * 1000 - 1e-6) for row in ran.itertuples()) / 1000
    amounts = quantities(result)
    assert amounts["lambda_requests"] == len(ran)
    assert amounts["lambda_gb_seconds_arm64"] == pytest.approx(seconds * 0.5)
    assert amounts["lambda_ephemeral_gb_seconds"] == pytest.approx(seconds * 1.0)


def test_provisioned_concurrency_is_billed_used_or_not_and_its_duration_at_its_own_price():
    slow = ds.Duration(base_s=0.2)
    function = ds.Function(memory_mb=2_048, duration=slow, provisioned_concurrency=1, ephemeral_storage_mb=1_536)
    warm = replace(SCENARIO, event_source_mappings=ds.EventSourceMapping(function=function))
    result = ds.simulate(warm, rng=7, progress=False)
    ran = result.invocations[result.invocations["started_s"] >= 10]
    seconds = ran.groupby("provisioned")["billed_ms"].sum() / 1_000
    assert set(seconds.index) == {False, True}
    assert (result.invocations.query("provisioned")["init_s"] == 0).all()
    amounts = quantities(result)
    assert amounts["lambda_provisioned_concurrency_gb_seconds_x86_64"] == 2 * 30
    assert amounts["lambda_provisioned_duration_gb_seconds_x86_64"] == pytest.approx(2 * seconds[True])
    assert amounts["lambda_gb_seconds_x86_64"] == pytest.approx(2 * seconds[False])
    assert amounts["lambda_ephemeral_gb_seconds"] == pytest.approx(seconds.sum())
    assert amounts["lambda_requests"] == len(ran)


def test_provisioned_concurrency_is_part_of_what_is_reserved():
    with pytest.raises(ValueError, match=r"Function 'f': provisioned_concurrency must be at most .* \(2\), got 3"):
        ds.Function(name="f", reserved_concurrency=2, provisioned_concurrency=3)
    with pytest.raises(ValueError, match="must add up to at most account_concurrency"):
        replace(
            SCENARIO,
            account_concurrency=10,
            event_source_mappings=ds.EventSourceMapping(function=ds.Function(provisioned_concurrency=11)),
        )


def test_storage_is_the_average_of_the_window():
    result = ds.simulate(replace(SCENARIO, table=ds.Table(other_items_gb=3.0)), rng=7, progress=False)
    sizes: dict[int, int] = {}
    for row in result.writes.itertuples():
        sizes.setdefault(row.item_id, row.bytes_before)
    stored, last_s, area = sum(size + 100 for size in sizes.values() if size), 10.0, 0.0
    for row in result.writes.itertuples():
        if row.written_s > last_s:
            area, last_s = area + stored * (row.written_s - last_s), row.written_s
        stored += (row.bytes_after + 100 if row.bytes_after else 0) - (
            row.bytes_before + 100 if row.bytes_before else 0
        )
    area += stored * (40.0 - last_s)
    assert quantities(result)["storage_gb_months"] == pytest.approx(3.0 + area / 30.0 / 2**30, rel=1e-12)


def test_a_global_table_pays_a_replicated_write_in_every_region():
    alone, replicated = used(SCENARIO), used(replace(SCENARIO, table=ds.Table(replicas=2)))
    assert "write_request_units" not in replicated
    assert replicated["replicated_write_request_units"] == 3 * alone["write_request_units"]


def test_a_table_of_the_infrequent_access_class_has_that_classes_prices():
    infrequent = used(replace(SCENARIO, table=ds.Table(table_class="STANDARD_INFREQUENT_ACCESS")))
    alone = used(SCENARIO)
    for component in ("write_request_units", "storage_gb_months"):
        assert infrequent[f"standard_ia_{component}"] == alone[component]
        assert component not in infrequent


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"table_class": "COLD"},
            "Table.table_class must be one of 'STANDARD', 'STANDARD_INFREQUENT_ACCESS', got 'COLD'",
        ),
        ({"replicas": -1}, "Table.replicas must be a number >= 0, got -1"),
        ({"other_items_gb": -0.5}, "Table.other_items_gb must be a number >= 0, got -0.5"),
    ],
)
def test_a_table_refuses_what_has_no_price(wrong, message):
    with pytest.raises(ValueError, match=message):
        ds.Table(**wrong)


INDEXED = ds.Table(
    partitions=1,
    billing=ds.Provisioned(write_capacity_units=200),
    global_secondary_indexes=(
        ds.GlobalSecondaryIndex(name="by-date"),
        ds.GlobalSecondaryIndex(name="by-city", billing=ds.OnDemand(), projected_share=0.5),
    ),
)


def test_a_provisioned_table_pays_for_each_hour_of_capacity_whether_used_or_not():
    result = ds.simulate(replace(SCENARIO, table=INDEXED, warmup_s=10.5), rng=7, progress=False)
    amounts = quantities(result)
    assert amounts["write_capacity_unit_hours"] == pytest.approx(200 * 29.5 / 3_600)
    assert amounts["write_capacity_unit_hours/by-date"] == pytest.approx(200 * 29.5 / 3_600)
    assert "write_request_units" not in amounts
    later = result.index_load.query("at_s >= 10.5 and index == 'by-city'")
    assert amounts["write_request_units/by-city"] == later["write_units"].sum() > 1_000
    frame = result.bill().frame.set_index("component")
    assert frame.loc["write_capacity_unit_hours/by-date", "label"] == "Writes, provisioned: by-date"
    assert frame.loc["write_request_units/by-city", "unit_price_usd"] == pytest.approx(0.625e-6)
    assert frame["usd_per_month"].sum() == pytest.approx(result.bill().usd_per_month)


def test_an_index_takes_a_write_for_each_change_of_what_it_holds():
    result = ds.simulate(replace(SCENARIO, table=INDEXED), rng=7, progress=False)
    writes = result.writes[result.writes["outcome"] == "admitted"]
    larger = writes[["bytes_before", "bytes_after"]].max(axis=1)
    by_hand = sum(max(1, math.ceil(size * 0.5 / 1_024)) for size in larger)
    load = result.index_load
    assert load.loc[load["index"] == "by-city", "write_units"].sum() == by_hand
    assert len(load) == 2 * 40


def test_auto_scaling_is_billed_as_it_scales():
    table = ds.Table(
        partitions=1, billing=ds.Provisioned(write_capacity_units=50, auto_scaling=ds.AutoScaling(update_delay_s=30))
    )
    result = ds.simulate(replace(SCENARIO, table=table, duration_s=400), rng=7, progress=False)
    load = result.table_load
    assert len(set(load["capacity_units"])) > 1
    hours = load.loc[load["at_s"] >= 10, "capacity_units"].sum() / 3_600
    assert quantities(result)["write_capacity_unit_hours"] == pytest.approx(hours)


def test_a_table_that_switches_pays_for_both_modes():
    table = ds.Table(
        partitions=4,
        billing=ds.Provisioned(write_capacity_units=300),
        billing_switches=ds.BillingSwitch(at_s=19.4, billing=ds.OnDemand()),
    )
    function = ds.Function(needs="new")
    keys = ds.Stream(view_type="KEYS_ONLY")
    mapping = ds.EventSourceMapping(function=function)
    switching = replace(SCENARIO, table=table, stream=keys, event_source_mappings=mapping)
    result = ds.simulate(switching, rng=7, progress=False)
    amounts = quantities(result)
    assert amounts["write_capacity_unit_hours"] == pytest.approx(300 * 10 / 3_600)
    assert amounts["write_request_units"] == result.writes.query("written_s >= 20")["write_units"].sum()
    reads = result.read_backs.query("started_s >= 10")
    assert amounts["read_request_units"] == reads.query("started_s >= 20")["read_units"].sum() > 0
    assert amounts["read_capacity_unit_hours"] * 3_600 == pytest.approx(
        reads.query("started_s < 20")["read_units"].sum()
    )


def test_writes_that_the_table_did_not_take_cost_nothing():
    table = ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=20, burst_s=0))
    amounts = used(replace(SCENARIO, table=table))
    assert math.isfinite(amounts["storage_gb_months"])
    assert amounts["write_capacity_unit_hours"] == pytest.approx(20 * 30 / 3_600)


def test_documents_of_destinations_are_billed_by_64_kb_and_reads_of_others_by_the_call():
    document = {"text": "x" * 65_536}
    discards = pd.DataFrame(
        {
            "discarded_s": [5.0, 11.0, 12.0, 13.0, 14.0],
            "destination": ["sqs", "sqs", "sns", "s3", "sqs"],
            "delivered": [True, True, True, True, False],
            "document": [{}, document, {"a": 1}, document, {}],
        }
    )
    reads = pd.DataFrame({"minute_s": [0.0], "calls": [160]})
    real = ds.simulate(SCENARIO, rng=7, progress=False)
    frames = {"discards": discards, "reads": reads}
    amounts = quantities(_With(real, frames))
    assert amounts["sqs_requests"] == 2
    assert amounts["sns_publishes"] == 1
    assert amounts["s3_put_requests"] == 1
    assert amounts["stream_read_request_units"] == 160 * 30 / 40


class _With:
    """A result with some frames in the place of its own."""

    def __init__(self, result, frames):
        self.__dict__.update(frames)
        self._result = result

    def __getattr__(self, name):
        return getattr(self._result, name)


@given(scenario=scenarios(), seed=seeds)
@settings(max_examples=12)
def test_what_a_view_type_costs_follows_from_the_bytes_alone(scenario, seed):
    # Lambda alone reads: what others read is billed by their calls
    scenario = replace(scenario, stream_readers=())
    runs = {
        view: ds.simulate(replace(scenario, stream=replace(scenario.stream, view_type=view)), rng=seed, progress=False)
        for view in ds.VIEW_TYPES
    }
    keys, new, old, both = (run.stream_log["size_bytes"].to_numpy() for run in runs.values())
    assert (keys <= new).all()
    assert (keys <= old).all()
    assert (new <= both).all()
    assert (old <= both).all()
    # SizeBytes: the keys, and the images that are there
    assert (new + old == keys + both).all()
    amounts = {view: quantities(run) for view, run in runs.items()}
    assert len({amount["write_request_units"] for amount in amounts.values()}) == 1
    assert {amount["stream_read_request_units"] for amount in amounts.values()} == {0.0}
    for amount, run in zip(amounts.values(), runs.values(), strict=True):
        # placement may put the start of what was accepted beyond the end
        reads = run.read_backs[run.read_backs["started_s"] < run.ended_s]
        assert amount.get("read_request_units", 0.0) == reads["read_units"].sum()


def test_stated_read_capacity_is_billed_used_or_not_and_only_while_it_holds():
    table = ds.Table(
        partitions=4,
        billing=ds.Provisioned(write_capacity_units=300, read_capacity_units=70),
        billing_switches=ds.BillingSwitch(at_s=19.4, billing=ds.OnDemand()),
    )
    amounts = used(replace(SCENARIO, table=table))
    assert amounts["read_capacity_unit_hours"] == pytest.approx(70 * 10 / 3_600)
    assert "read_request_units" not in amounts
    mapping = ds.EventSourceMapping(function=ds.Function(needs="new"))
    result = ds.simulate(
        replace(SCENARIO, table=table, stream=ds.Stream(view_type="KEYS_ONLY"), event_source_mappings=mapping),
        rng=7,
        progress=False,
    )
    amounts = quantities(result)
    assert amounts["read_capacity_unit_hours"] == pytest.approx(70 * 10 / 3_600)
    assert amounts["read_request_units"] == result.read_backs.query("started_s >= 20")["read_units"].sum() > 0
