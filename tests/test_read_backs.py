"""What handlers read back, against a count by hand."""

import math
from dataclasses import replace

import pandas as pd
import pytest

import ddbsim as ds

MIX = ds.OperationMix(insert=0.3, modify=0.4, remove=0.3)


def reading(read_back=None, **function):
    how = ds.ReadBack(latency=0.01) if read_back is None else read_back
    function = ds.Function(name="reader", needs="new", read_back=how, **function)
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=60, item_bytes=ds.Uniform(500, 12_000), keys=ds.UniformKeys(items=20), operations=MIX
        ),
        table=ds.Table(partitions=2),
        stream=ds.Stream(view_type="KEYS_ONLY"),
        event_source_mappings=ds.EventSourceMapping(function=function, batch_size=10, maximum_retry_attempts=1),
        duration_s=20,
    )


def simulate(scenario):
    return ds.simulate(scenario, rng=7, progress=False)


def by_hand(result):
    """Count, record by record, what each invocation reads; no attempt fails, so a batch is sent once."""
    function = result.scenario.mappings[0].function
    units_of = {"eventual": 0.5, "strong": 1.0, "transactional": 2.0}[function.read_back.consistency]
    log = result.stream_log.dropna(subset="received_s")
    rows = []
    for received_s, records in log.groupby(["shard_id", "received_s"], observed=True):
        items = [record.item_id for record in records.itertuples() if record.event_name != "REMOVE"]
        items = sorted(set(items)) if function.read_back.batched else items
        sizes = []
        for item in items:
            writes = result.writes[(result.writes["item_id"] == item) & (result.writes["written_s"] <= received_s[1])]
            sizes.append(int(writes["bytes_after"].iloc[-1]))
        if items:
            requests = math.ceil(len(items) / 100) if function.read_back.batched else len(items)
            units = sum(max(1, math.ceil(size / 4096)) * units_of for size in sizes)
            rows.append((received_s[1], requests, len(items), sum(sizes), units))
    return pd.DataFrame(rows, columns=["at_s", "requests", "items", "bytes", "read_units"]).sort_values("at_s")


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("consistency", ["eventual", "strong", "transactional"])
def test_each_invocation_reads_the_items_that_its_records_left(batched, consistency):
    result = simulate(reading(ds.ReadBack(consistency=consistency, batched=batched, latency=0.01)))
    reads, expected = result.read_backs, by_hand(result)
    assert len(reads) > 100
    assert (reads["bytes"] < expected["bytes"].max() + 1).all()
    for column in ("requests", "items", "bytes", "read_units"):
        assert sorted(reads[column]) == sorted(expected[column])
        assert reads[column].sum() == expected[column].sum()


@pytest.mark.parametrize("batched", [False, True])
def test_a_read_takes_its_time_and_batching_saves_it(batched):
    result = simulate(reading(ds.ReadBack(batched=batched, latency=0.01)))
    sent = result.invocations.query("outcome == 'success'").merge(
        result.read_backs, on=["batch_id", "attempt"], how="left"
    )
    requests = sent["requests"].fillna(0)
    assert requests.max() == (1 if batched else 9)
    assert sent["duration_s"].to_numpy() == pytest.approx((0.010 + 0.010 * requests).to_numpy())


def test_a_retry_reads_again():
    failing = reading(failures=ds.Failures(error_probability=0.3))
    result = simulate(failing)
    reads = result.read_backs
    assert set(reads["attempt"]) == {1, 2}
    sent = result.invocations.query("outcome != 'throttled'")
    assert len(sent[sent["attempt"] == 2]) >= len(reads[reads["attempt"] == 2]) > 10
    assert not reads.duplicated(["batch_id", "attempt"]).any()


@pytest.mark.parametrize(("needs", "view_type"), [("keys", "KEYS_ONLY"), ("new", "NEW_IMAGE"), ("old", "KEYS_ONLY")])
def test_nothing_is_read_where_nothing_is_lacking_or_nothing_helps(needs, view_type):
    mapping = ds.EventSourceMapping(function=ds.Function(needs=needs))
    result = simulate(replace(reading(), stream=ds.Stream(view_type=view_type), event_source_mappings=mapping))
    assert result.read_backs.empty
    assert not set(result.assumptions()["name"]) & {"read_back_median_s", "read_back_p99_s"}


@pytest.mark.parametrize(
    ("needs", "view_type", "events"),
    [
        ("new", "KEYS_ONLY", ["INSERT", "MODIFY"]),
        ({"INSERT": "new"}, "KEYS_ONLY", ["INSERT"]),
        ({"MODIFY": "new"}, "OLD_IMAGE", ["MODIFY"]),
        ({"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}, "KEYS_ONLY", ["INSERT"]),
        ({"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}, "OLD_IMAGE", ["INSERT", "MODIFY"]),
        ({"REMOVE": "new"}, "KEYS_ONLY", []),
        ({"INSERT": "new"}, "NEW_IMAGE", []),
    ],
)
def test_only_records_of_the_events_that_lack_a_new_image_are_read_back(needs, view_type, events):
    scenario = replace(
        reading(),
        stream=ds.Stream(view_type=view_type),
        event_source_mappings=ds.EventSourceMapping(
            batch_size=10, function=ds.Function(needs=needs, read_back=ds.ReadBack(latency=0.01))
        ),
    )
    result = simulate(scenario)
    sent = result.stream_log[result.stream_log["received_s"].notna()]
    assert result.read_backs["items"].sum() == sent["event_name"].isin(events).sum()
    done = result.invocations.query("outcome == 'success'")
    extra_s = done["duration_s"].sum() - 0.010 * len(done)
    read = sent[(sent["outcome"] == "processed") & sent["event_name"].isin(events)]
    assert extra_s == pytest.approx(0.010 * len(read))


def test_a_result_names_the_assumed_time_of_a_read():
    assert {"read_back_median_s", "read_back_p99_s"} <= set(simulate(reading()).assumptions()["name"])


def test_only_the_mappings_that_lack_something_read():
    second = ds.EventSourceMapping(name="second", function=ds.Function(name="notifier"))
    first = reading()
    result = simulate(replace(first, event_source_mappings=(*first.mappings, second)))
    assert set(result.read_backs["event_source_mapping"]) == {"reader"}
    assert set(result.read_backs["function"]) == {"reader"}


def test_reads_beyond_the_capacity_are_refused_and_told_with_their_reason():
    billing = ds.Provisioned(write_capacity_units=500, read_capacity_units=20, burst_s=0)
    scenario = replace(reading(), table=ds.Table(partitions=2, billing=billing))
    free, tight = simulate(replace(scenario, table=ds.Table(partitions=2))), simulate(scenario)
    reads = tight.read_backs
    assert not free.read_backs["throttles"].any()
    assert set(free.read_backs["throttle_reason"]) == {""}
    assert reads["items"].sum() == free.read_backs["items"].sum()
    hit = reads["throttles"] > 0
    assert 20 < hit.sum() < len(reads)
    assert (reads.loc[hit, "throttle_reason"] == "TableReadProvisionedThroughputExceeded").all()
    assert (reads.loc[~hit, "throttle_reason"] == "").all()
    # the last read of a second may go into debt, which the next one pays off
    by_second = reads.groupby(reads["started_s"] // 1)["read_units"].sum()
    assert by_second.max() < 20 + 3
    assert (by_second.cumsum() <= 20 * (by_second.index + 1) + 3).all()
    metrics = tight.metrics
    assert metrics["ConsumedReadCapacityUnits"].sum() == reads["read_units"].sum()
    assert metrics["ReadThrottleEvents"].sum() == reads["throttles"].sum() > 0
