"""The same writes by other ways: their quantities by hand, and prices that are missed loudly."""

import math
from dataclasses import replace

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.aws.prices import PriceList, shipped_price_list
from ddbsim.experiment.alternatives import transports
from ddbsim.experiment.alternatives.kinesis import shards_needed
from ddbsim.experiment.alternatives.verdicts import percent, usd

SCENARIO = ds.Scenario(
    workload=ds.PoissonWrites(
        rate_per_s=40,
        item_bytes=ds.LogNormal(median=3_000, p99=30_000),
        operations=ds.OperationMix(insert=0.3, modify=0.3, remove=0.2, no_op=0.2),
    ),
    stream=ds.Stream(view_type="KEYS_ONLY"),
    event_source_mappings=(
        ds.EventSourceMapping(function=ds.Function(name="a", needs="new")),
        ds.EventSourceMapping(function=ds.Function(name="b"), batch_size=10),
    ),
    duration_s=150,
    warmup_s=30,
)
WAYS = [
    *("Lambda trigger", "KCL adapter", "Flink", "EventBridge Pipes"),
    *("Kinesis, on demand", "Kinesis, on demand, fan-out", "Kinesis, provisioned", "Kinesis, provisioned, fan-out"),
]


@pytest.fixture(scope="module")
def compared():
    return ds.compare_transports(SCENARIO, rng=7)


@pytest.fixture(scope="module")
def trigger():
    return ds.simulate(SCENARIO, rng=7, progress=False)


@pytest.fixture(scope="module")
def both_images():
    both = replace(SCENARIO, stream=ds.Stream(view_type="NEW_AND_OLD_IMAGES"))
    return ds.simulate(both, rng=7, progress=False)


def quantity(compared, transport):
    costs = compared.costs[compared.costs["transport"] == transport]
    return costs.set_index("component")["quantity"].to_dict()


def test_the_frame_says_what_serves_what_it_costs_and_what_is_simulated(compared):
    frame = compared.frame.set_index("transport")
    assert list(frame.index) == WAYS
    assert frame["served"].tolist() == ["by a read-back"] * 4 + ["directly"] * 4
    assert frame["timing"].str.contains("not").tolist() == [False] + [True] * 7
    assert frame["delay_p50_s"].notna().tolist() == [True] * 3 + [False] * 5
    assert (frame["delay_p50_s"].dropna() < frame["delay_p99_s"].dropna()).all()
    assert frame["usd_per_month"].to_dict() == pytest.approx(compared.usd_per_month()["total"].to_dict())


def test_the_trigger_is_the_scenarios_own_bill_without_the_table(compared, trigger):
    bill = trigger.bill().frame.set_index("component")["quantity"].to_dict()
    own = quantity(compared, "Lambda trigger")
    assert set(bill) - set(own) == {"write_request_units", "storage_gb_months"}
    assert own == {component: bill[component] for component in own}
    assert own["stream_read_request_units"] == 0
    delay = (trigger.stream_log["received_s"] - trigger.stream_log["written_s"])[trigger.stream_log["written_s"] >= 30]
    low, high = np.quantile(delay.fillna(math.inf), [0.45, 0.55])
    assert low < compared.frame.loc[0, "delay_p50_s"] < high


@pytest.mark.parametrize(("transport", "busy_s", "idle_s"), [("KCL adapter", 1.0, 2.0), ("Flink", 0.25, 1.0)])
def test_own_pollers_call_between_their_idle_and_their_busy_rate_on_every_shard(compared, transport, busy_s, idle_s):
    used = quantity(compared, transport)
    shards, readers, window_s = 4, 2, 120
    calls = used["stream_read_request_units"] / (shards * readers * window_s)
    assert 1 / idle_s < calls < 1 / busy_s
    assert set(used) == {"read_request_units", "stream_read_request_units"}
    # 8 changes a second and shard: within a second there nearly always is one, within a quarter often not
    slack = 1.1 if busy_s == 1.0 else 2.0
    assert calls > 1 / busy_s / slack


def test_pollers_without_records_call_at_their_idle_rate_on_every_shard():
    silent = replace(SCENARIO, workload=ds.PoissonWrites(rate_per_s=0), table=ds.Table(partitions=3))
    idle = ds.compare_transports(silent, rng=7)
    assert quantity(idle, "KCL adapter")["stream_read_request_units"] == pytest.approx(3 * 2 * 120 / 2, abs=6)
    assert quantity(idle, "Flink")["stream_read_request_units"] == pytest.approx(3 * 2 * 120, abs=6)
    assert math.isnan(idle.frame.loc[1, "delay_p50_s"])


def test_pipes_pay_for_batches_in_steps_of_64_kb_and_for_their_reads(compared, trigger):
    used = quantity(compared, "EventBridge Pipes")
    sent = trigger.invocations.query("started_s >= 30")
    assert used["pipes_requests"] == sum(math.ceil(size / 65_536) for size in sent["payload_bytes"])
    assert used["stream_read_request_units"] == 4 * 4 * 2 * 120
    assert used["lambda_requests"] == len(sent)


def shards_of(written_s, sizes):
    """The shards that carry the busier of two minutes; two consumers share the 2 MB/s that a shard gives out."""
    bytes_per_s = np.bincount((written_s // 60).astype(int), weights=sizes) / 60
    records_per_s = np.bincount((written_s // 60).astype(int)) / 60
    return math.ceil(max(records_per_s.max() / 1_000, bytes_per_s.max() * 2 / 2**21))


def test_change_data_on_kinesis_is_metered_by_the_larger_image_and_each_record_in_whole_steps(compared, both_images):
    writes = both_images.writes.query("written_s >= 30 and operation != 'NO_OP'")
    units = sum(max(1, math.ceil(max(row.bytes_before, row.bytes_after) / 1_024)) for row in writes.itertuples())
    log = both_images.stream_log.query("written_s >= 30 and event_source_mapping == 'a'")
    sizes = [480 + 1.15 * size for size in log["size_bytes"]]
    on_demand, provisioned = quantity(compared, WAYS[4]), quantity(compared, WAYS[6])
    for used in (on_demand, provisioned):
        assert used["kinesis_change_data_capture_units"] == units
        assert used["read_request_units"] == 0
    assert on_demand["kinesis_on_demand_stream_hours"] == pytest.approx(120 / 3_600)
    assert on_demand["kinesis_on_demand_gb_in"] * 2**20 == pytest.approx(sum(math.ceil(size / 1_024) for size in sizes))
    # two consumers
    assert on_demand["kinesis_on_demand_gb_out"] * 2**30 == pytest.approx(2 * sum(sizes))
    assert quantity(compared, WAYS[5])["kinesis_on_demand_fan_out_gb"] == on_demand["kinesis_on_demand_gb_out"]
    assert provisioned["kinesis_shard_hours"] == pytest.approx(shards_of(log["written_s"] - 30, sizes) * 120 / 3_600)
    assert provisioned["kinesis_put_payload_units"] == sum(math.ceil(size / 25_600) for size in sizes)
    fan_out = quantity(compared, WAYS[7])
    assert fan_out["kinesis_fan_out_consumer_shard_hours"] == 2 * fan_out["kinesis_shard_hours"]
    assert fan_out["kinesis_fan_out_gb"] == on_demand["kinesis_on_demand_gb_out"]


def test_the_functions_behind_kinesis_work_on_both_images(compared, both_images):
    bill = both_images.bill().frame.set_index("component")["quantity"]
    used = quantity(compared, "Kinesis, on demand")
    for component in ("lambda_requests", "lambda_gb_seconds_x86_64"):
        assert used[component] == bill[component]


@pytest.mark.parametrize(
    ("records", "size_bytes", "sharing", "shards"),
    [
        (59_999, 100, 1, 1),  # 1,000 records/s
        (60_001, 100, 1, 2),
        (1_200, 2**20, 0, 20),  # 20 MB/s in
        (1_200, 2**20, 2, 20),  # two consumers share 2 MB/s of each
        (1_200, 2**20, 3, 30),
        (0, 100, 1, 1),
    ],
)
def test_a_provisioned_stream_has_the_shards_of_its_busiest_minute(records, size_bytes, sharing, shards):
    written_s = 60.0 + np.linspace(0, 59.9, records)
    sizes = np.full(records, float(size_bytes))
    assert shards_needed(written_s, sizes, window_s=180.0, sharing=sharing) == shards


def test_a_last_shorter_minute_counts_at_its_rate():
    assert shards_needed(np.linspace(60, 69.9, 15_000), np.full(15_000, 10.0), window_s=70.0, sharing=0) == 2


def test_no_second_run_is_made_where_the_stream_has_both_images(monkeypatch):
    ran = []
    run = transports.run

    def counted(scenario, *arguments, **options):
        ran.append(scenario.stream.view_type)
        return run(scenario, *arguments, **options)

    monkeypatch.setattr(transports, "run", counted)
    ds.compare_transports(replace(SCENARIO, stream=ds.Stream()), rng=7)
    assert ran == ["NEW_AND_OLD_IMAGES"]


def test_a_price_that_is_not_held_is_missed_by_name_and_never_zero():
    held = shipped_price_list()
    without = PriceList.of(price for price in held if not price.component.startswith("pipes"))
    with pytest.raises(ds.MissingPriceError, match="no price of 'pipes_requests' in us-east-1 is held"):
        ds.compare_transports(SCENARIO, rng=7, price_list=without)
    with pytest.raises(ds.UnknownRegionError, match="no prices of region 'mars-1' are held"):
        ds.compare_transports(SCENARIO, rng=7, region="mars-1")


def test_bills_can_be_told_apart_and_shown(compared):
    diff = compared.bills["Lambda trigger"].diff(compared.bills["EventBridge Pipes"])
    assert set(diff.query("change > 0")["component"]) == {"pipes_requests", "stream_read_request_units"}
    for shown in (str(compared), repr(compared), compared._repr_html_()):
        # what costs no way anything has no row
        assert "Kinesis fan-out data, provisioned" in shown
        assert "Reads, provisioned" not in shown
        for words in ("Flink", "not simulated", "USD per month", "total", "which are the same", "over a year ago"):
            assert words in shown


def test_a_run_cut_short_is_not_compared(monkeypatch):
    run = transports.run

    def interrupted(scenario, *arguments, **options):
        result = run(scenario, *arguments, **options)
        result.ended_s = 3.0
        return result

    monkeypatch.setattr(transports, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ds.compare_transports(SCENARIO, rng=7)


def busy(duration_s, rate_per_s=500.0):
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=rate_per_s, item_bytes=900),
        duration_s=duration_s,
        warmup_s=10,
    )


@pytest.mark.parametrize("duration_s", [60, 70, 130])
def test_the_records_of_the_last_poll_are_under_way_and_not_behind(duration_s):
    frame = ds.compare_transports(busy(duration_s), rng=7).frame.set_index("transport")
    assert not frame["timing"].str.contains("falls behind").any()
    assert 1.0 < frame.loc["KCL adapter", "delay_p99_s"] < 2.0
    assert 0.2 < frame.loc["Flink", "delay_p99_s"] < 1.0
    assert frame.loc["Lambda trigger", "delay_p99_s"] < 2.0


def test_a_poller_that_reads_less_than_is_written_falls_behind_in_a_short_run():
    # one shard, 1,000 records a call: the adapter calls once a second, Flink four times
    scenario = replace(busy(60, rate_per_s=1_300.0), table=ds.Table(partitions=1))
    frame = ds.compare_transports(scenario, rng=7).frame.set_index("transport")
    assert frame.loc["KCL adapter", "timing"].endswith("; it falls behind")
    assert frame.loc["KCL adapter", "delay_p99_s"] == math.inf
    assert "falls behind" not in frame.loc["Flink", "timing"]
    assert frame.loc["Flink", "delay_p99_s"] < 2.0


def test_pollers_that_keep_up_are_seldom_said_to_fall_behind():
    behind = 0
    for seed in range(20):
        timing = ds.compare_transports(busy(40, rate_per_s=100.0), rng=seed).frame["timing"]
        behind += int(timing.str.contains("falls behind").sum())
    assert behind <= 2  # of 60


def test_records_that_a_filter_drops_are_not_behind():
    filtered = ds.EventSourceMapping(filter_criteria={"eventName": ["REMOVE"]})
    scenario = replace(busy(60), event_source_mappings=filtered)
    frame = ds.compare_transports(scenario, rng=7).frame.set_index("transport")
    assert "falls behind" not in frame.loc["Lambda trigger", "timing"]


def test_one_simulation_serves_the_comparison_and_stream_readers():
    scenario = replace(SCENARIO, event_source_mappings=ds.EventSourceMapping())
    for name, kind in (("KCL adapter", "kcl"), ("Flink", "flink")):
        compared = quantity(ds.compare_transports(scenario, rng=7), name)["stream_read_request_units"]
        reader = ds.StreamReader(name=f"transport/{name}/{scenario.mappings[0].label}", kind=kind)
        result = ds.simulate(replace(scenario, stream_readers=reader), rng=7, progress=False)
        own = result.bill().frame.set_index("component")["quantity"]["stream_read_request_units"]
        assert compared == own


def designed(*, duration_s=120, **function):
    """Return a scenario that is long enough to tell what keeps up."""
    given = {"needs": "new", "duration": ds.Duration(base_s=0.02)} | function
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=100, item_bytes=900, operations=ds.OperationMix(insert=0.2, modify=0.6, remove=0.2)
        ),
        table=ds.Table(partitions=2),
        stream=ds.Stream(view_type="NEW_IMAGE"),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(name="f", **given)),
        duration_s=duration_s,
        warmup_s=10,
    )


@pytest.fixture(scope="module")
def priced():
    return ds.compare_transports(designed(), rng=7)


def test_the_verdict_comes_first_and_says_what_the_choice_saves_and_lacks(priced):
    money = priced.frame.set_index("transport")["usd_per_month"]
    assert priced.cheapest == "Lambda trigger"
    assert priced.verdict.startswith("Lambda trigger, but not for every record: REMOVE: 20 % come without an image")
    saved = money["EventBridge Pipes"] - money["Lambda trigger"]
    told = f"{usd(saved)} a month less than EventBridge Pipes ({percent(saved / money['EventBridge Pipes'])})"
    assert told in priced.verdict
    assert str(priced).startswith(priced.verdict)
    assert priced._repr_html_().startswith("<p><b>Lambda trigger, but ")


def test_ways_whose_machines_are_not_known_are_told_from_what_is_and_not_ranked(priced):
    kcl = priced.frame.set_index("transport").loc["KCL adapter"]
    assert kcl["usd_per_month"] < priced.frame.loc[0, "usd_per_month"]
    assert math.isnan(kcl["machine_usd_per_month"])
    money = usd(kcl["usd_per_month"])
    assert f"KCL adapter costs from {money} + machines: give machine_usd_per_month to rank it." in priced.verdict
    assert f"from {kcl['usd_per_month']:,.2f} + machines" in str(priced)
    assert " than KCL adapter" not in priced.verdict


@pytest.mark.parametrize(("machines", "cheapest"), [(0, "KCL adapter"), (500, "Lambda trigger")])
def test_machines_that_are_given_take_part_in_bills_and_ranking(priced, machines, cheapest):
    given = ds.compare_transports(designed(), rng=7, machine_usd_per_month=machines)
    before, after = (one.frame.set_index("transport")["usd_per_month"] for one in (priced, given))
    more = after - before
    assert more[["KCL adapter", "Flink"]].tolist() == pytest.approx([machines] * 2)
    assert not more.drop(["KCL adapter", "Flink"]).any()
    assert given.usd_per_month()["total"].to_dict() == pytest.approx(after.to_dict())
    assert given.cheapest == cheapest
    assert "+ machines" not in str(given)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(-1, "a number >= 0, got -1"), ("30", "a number or None, got '30'"), (True, "a number or None")],
)
def test_machines_cost_a_number(wrong, message):
    with pytest.raises(ValueError, match=f"machine_usd_per_month must be {message}"):
        ds.compare_transports(designed(), rng=7, machine_usd_per_month=wrong)


def test_a_way_that_does_not_keep_up_is_not_recommended_and_its_bill_a_lower_bound():
    slow = ds.compare_transports(designed(duration_s=60, duration=ds.Duration(base_s=2.5)), rng=7)
    frame = slow.frame.set_index("transport")
    functions = frame.drop(["KCL adapter", "Flink"])
    assert set(functions["verdict"]) == {"does not keep up"}
    assert slow.cheapest is None
    assert slow.verdict.startswith("No way can be recommended. Lambda trigger does not keep up (at least ")
    share = percent(frame.loc["Lambda trigger", "processed_share"])
    assert f"at least {frame.loc['Lambda trigger', 'usd_per_month']:,.2f}: it processed {share}" in str(slow)


def test_a_way_that_does_not_serve_is_not_recommended():
    blind = ds.compare_transports(designed(needs="old"), rng=7)
    assert blind.frame.set_index("transport")["served"]["Lambda trigger"] == "not at all"
    assert blind.cheapest.startswith("Kinesis")
    assert "Lambda trigger does not serve." in blind.verdict
    assert f"Risk: of {blind.cheapest} only the cost is told, its timing is not simulated." in blind.verdict
