"""The table under load, held against what can be worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.system.hashing import partition_hash
from ddbsim.system.table.admission import admit
from ddbsim.system.table.capacity.units import write_units
from ddbsim.system.table.partitions.heat import split_point
from ddbsim.system.table.per_attempt import PerAttemptTable
from ddbsim.system.table.per_second import PerSecondTable
from ddbsim.workload import ItemWrites

NO_RETRIES = ds.Writer(retries=ds.Retries(max_attempts=1))
SPREAD = ds.UniformKeys(items=100_000)


def run(rate, billing, *, duration_s=60.0, workload=None, writer=NO_RETRIES, keys=SPREAD, seed=7, **table):
    """Return the result of a run with evenly spaced writes of one unit."""
    workload = workload or ds.ConstantWrites(rate_per_s=rate, keys=keys)
    scenario = ds.Scenario(
        workload=workload, table=ds.Table(billing=billing, **table), writer=writer, duration_s=duration_s
    )
    return ds.simulate(scenario, rng=seed, progress=False)


def outcomes(result):
    return result.writes["outcome"].value_counts().to_dict()


# ---- auto scaling


@pytest.mark.parametrize(("rate", "target", "units"), [(100, 70, 143), (70, 70, 100), (90, 45, 200), (33, 20, 165)])
def test_auto_scaling_settles_at_the_rate_over_the_target(rate, target, units):
    scaling = ds.AutoScaling(target_value=target)
    result = run(rate, ds.Provisioned(write_capacity_units=int(rate * 1.02), auto_scaling=scaling), duration_s=1_500)
    load = result.table_load
    assert load["capacity_units"].iloc[-1] == units
    assert result.scaling["decision"].tolist() == ["scale out"]
    assert (load["throttles"] == 0).all()


def test_two_minutes_above_the_target_raise_capacity_after_the_delays():
    scaling = ds.AutoScaling(metric_delay_s=30.0, update_delay_s=45.0)
    result = run(95, ds.Provisioned(write_capacity_units=100, auto_scaling=scaling), duration_s=400)
    change = result.scaling.iloc[0]
    assert (change["decided_s"], change["effective_s"]) == (150.0, 195.0)
    capacity = result.table_load["capacity_units"]
    assert (capacity[:195] == 100).all()
    assert (capacity[195:] == 136).all()  # 95 / 0.7


def test_fifteen_minutes_well_below_the_target_lower_capacity():
    result = run(10, ds.Provisioned(write_capacity_units=100, auto_scaling=ds.AutoScaling()), duration_s=1_200)
    change = result.scaling.iloc[0]
    assert (change["decided_s"], change["units_after"]) == (960.0, 15.0)


def test_just_within_the_margin_nothing_is_lowered():
    result = run(50, ds.Provisioned(write_capacity_units=100, auto_scaling=ds.AutoScaling()), duration_s=1_500)
    assert result.scaling.empty


def test_capacity_is_lowered_four_times_in_the_first_hour_then_once_an_hour():
    scaling = ds.AutoScaling(scale_in_minutes=1, metric_delay_s=0.0, update_delay_s=0.0)
    rate = ds.Steps([300.0 * step for step in range(9)], [200 / 2**step for step in range(9)])
    result = run(0, ds.Provisioned(write_capacity_units=500, auto_scaling=scaling), duration_s=9_000,
                 workload=ds.ConstantWrites(rate_per_s=rate, keys=SPREAD))  # fmt: skip
    decided = result.scaling.query("decision == 'scale in'")["decided_s"].to_numpy()
    assert (decided < 3_600).sum() == 4
    assert (np.diff(decided[3:]) >= 3_600).all()
    assert len(decided) == 5


# ---- the burst


def test_the_burst_is_300_times_what_was_unused_and_is_spent_to_the_unit():
    steps = ds.Steps((0.0, 300.0), (40.0, 400.0))
    result = run(0, ds.Provisioned(write_capacity_units=100), duration_s=500,
                 workload=ds.ConstantWrites(rate_per_s=steps, keys=SPREAD))  # fmt: skip
    load = result.table_load
    assert load["burst_units"].max() == 300 * 60
    # 18,000 saved units last 60 s at 300 above the rate; after that the rate is all there is
    assert (load["admitted"][300:360] == 400).all()
    assert (load["admitted"][360:] == 100).all()


def test_no_more_than_300_seconds_are_saved():
    result = run(10, ds.Provisioned(write_capacity_units=100), duration_s=700)
    assert result.table_load["burst_units"].max() == 300 * 100


def test_burst_does_not_lift_the_cap_of_a_partition():
    billing = ds.Provisioned(write_capacity_units=2_000, initial_burst_s=300)
    one_item = ds.SequentialKeys(items=1)
    result = run(3_000, billing, keys=one_item, duration_s=20)
    assert (result.table_load["admitted"] == 1_000).all()
    reasons = result.writes["throttle_reason"].value_counts()
    assert reasons["TableWriteKeyRangeThroughputExceeded"] == 20 * 2_000


# ---- on demand


def test_twice_the_peak_is_admitted_and_four_times_only_when_it_has_grown():
    billing = ds.OnDemand(warm_write_units_per_s=400)
    rate = ds.Steps((0.0, 60.0), (400.0, 800.0))
    result = run(0, billing, duration_s=2_000, workload=ds.ConstantWrites(rate_per_s=rate, keys=SPREAD))
    admitted = result.table_load["admitted"]
    assert (admitted[:60] == 400).all()
    assert (admitted[60:1_860] == 400).all()  # 4 x the former peak of 200: half is throttled
    assert (admitted[1_860:] == 800).all()  # 30 minutes after the first minute at 400
    assert result.scaling["decision"].tolist() == ["peak"]


def test_a_table_of_its_own_maximum_names_it():
    result = run(100, ds.OnDemand(max_write_request_units=60), duration_s=10)
    assert set(result.writes.query("outcome == 'lost'")["throttle_reason"]) == {
        "TableWriteMaxOnDemandThroughputExceeded"
    }
    assert outcomes(result)["admitted"] == 600


def test_beyond_the_quota_the_account_is_named():
    result = run(100, ds.OnDemand(), duration_s=10, write_quota_per_s=60)
    assert set(result.writes.query("outcome == 'lost'")["throttle_reason"]) == {"TableWriteAccountLimitExceeded"}


def test_a_switch_to_on_demand_keeps_the_highest_provisioned_capacity():
    switch = ds.BillingSwitch(at_s=9.5, billing=ds.OnDemand(warm_write_units_per_s=10))
    result = run(10, ds.Provisioned(write_capacity_units=700), duration_s=30, billing_switches=switch)
    assert result.table_load["capacity_units"].iloc[-1] == 700
    assert result.scaling["effective_s"].tolist() == [10.0]


def test_more_capacity_than_the_partitions_have_splits_them():
    scaling = ds.AutoScaling(target_value=50)
    result = run(90, ds.Provisioned(write_capacity_units=100, auto_scaling=scaling), duration_s=400,
                 partitions=1, partition_write_units_per_s=100)  # fmt: skip
    assert len(result.partitions) == 3
    assert result.partitions.query("parent == 0")["opened_s"].tolist() == [240.0, 240.0]
    shards = result.shards
    assert shards["parent_shard_id"].notna().sum() == 2


# ---- heat

HOT = ds.HeatSplits(sustained_minutes=2, split_s=30.0)


def test_a_hot_partition_of_many_items_is_split_and_then_takes_twice_as_much():
    result = run(190, ds.Provisioned(write_capacity_units=300), partitions=1 * 3, partition_write_units_per_s=100,
                 keys=ds.HotSet(items=50_000, hot_items=49_999, hot_share=1.0), duration_s=60)  # fmt: skip
    assert result.scaling.empty
    result = run(150, ds.OnDemand(warm_write_units_per_s=100), partitions=1, partition_write_units_per_s=100,
                 heat_splits=HOT, duration_s=300)  # fmt: skip
    splits = result.scaling[result.scaling["decision"].astype(str) == "split: heat"]
    assert splits["effective_s"].tolist()[0] == 150.0
    halves = result.partition_load.query("at_s == 200")["write_units"]
    assert len(halves) >= 2
    assert abs(halves.iloc[0] - halves.iloc[1]) < 25


def test_a_single_hot_item_is_never_split_and_never_above_its_cap():
    result = run(1_500, ds.OnDemand(), keys=ds.SequentialKeys(items=1), heat_splits=HOT, duration_s=400)
    assert result.scaling.empty
    assert (result.table_load["write_units"] == 1_000).all()


@pytest.mark.parametrize("moving", [True, False])
def test_a_key_that_moves_on_is_never_split_though_the_same_items_in_disorder_are(moving):
    # 150 writes/s on one partition of 100, each of a new item: up through the key space, or all over it
    items = np.arange(150 * 300, dtype=np.int64)
    if moving:
        items = items[np.argsort(partition_hash(items), kind="stable")]
    columns = {
        "at_s": np.arange(len(items)) / 150.0,
        "item_id": items,
        "operation": np.zeros(len(items), dtype=np.int8),
        "bytes_before": np.zeros(len(items), dtype=np.int64),
        "bytes_after": np.full(len(items), 900),
    }
    result = run(0, ds.OnDemand(warm_write_units_per_s=100), workload=ds.ReplayWrites(columns=columns), partitions=1,
                 partition_write_units_per_s=100, heat_splits=HOT, duration_s=300)  # fmt: skip
    splits = result.scaling["decision"].astype(str) == "split: heat"
    assert bool(splits.any()) is not moving
    load = result.table_load
    if moving:
        assert (load["write_units"] == 100).all()
        assert load["TableWriteKeyRangeThroughputExceeded"].sum() == 50 * 300
        assert len(result.shards) == 1
    else:
        assert len(result.shards) >= 3


def test_the_cut_halves_the_traffic():
    positions = np.array([10, 20, 30, 40], dtype=np.uint64)
    units = np.array([1, 1, 1, 1], dtype=np.int32)
    mixed = np.array([2, 0, 3, 1])
    assert split_point(positions[mixed], units, 0.1) == 30
    assert split_point(positions[mixed], np.array([5, 1, 1, 3], dtype=np.int32), 0.1) == 30


def test_a_cut_that_relieves_too_little_is_not_made():
    positions = np.array([10] * 95 + [20] * 5, dtype=np.uint64)
    units = np.ones(100, dtype=np.int32)
    assert split_point(positions, units, 0.1) is None
    assert split_point(positions, units, 0.05) == 20


def test_a_key_that_moves_on_leaves_every_cut_behind():
    moving = np.arange(1_000, 2_000, dtype=np.uint64)
    units = np.ones(1_000, dtype=np.int32)
    assert split_point(moving, units, 0.1) is None
    assert split_point(moving[::-1], units, 0.1) is None
    shuffled = np.random.default_rng(1).permutation(moving)
    assert split_point(shuffled, units, 0.1) == pytest.approx(1_500, abs=1)


def test_a_partition_of_ten_gigabytes_is_split_in_the_middle():
    writes = ds.ConstantWrites(rate_per_s=10, item_bytes=400_000, keys=ds.SequentialKeys(items=10**6),
                               operations=ds.OperationMix(insert=1.0, modify=0.0))  # fmt: skip
    result = run(0, ds.OnDemand(), workload=writes, duration_s=130, partitions=4, other_items_gb=39.9)
    assert result.scaling["decision"].astype(str).unique().tolist() == ["split: size"]
    assert result.partitions["hash_high"].max() == 2**32


# ---- writers


def test_the_presets_give_up_after_their_attempts_and_delays():
    legacy = ds.RETRY_PRESETS["legacy"]
    assert [legacy.longest_delay_s(n) for n in (1, 2, 9)] == [0.05, 0.1, 12.8]
    assert sum(legacy.longest_delay_s(n) for n in range(1, 10)) == pytest.approx(25.55)
    for name, attempts, longest_s in (("legacy", 10, 25.55), ("standard", 3, 3.0), ("standard_2026", 4, 7.0)):
        preset = dataclasses.replace(ds.RETRY_PRESETS[name], quota=0)
        result = run(10, ds.OnDemand(max_write_request_units=1), writer=ds.Writer(retries=preset, latency=0.0))
        lost = result.writes.query("outcome == 'lost'")
        took_s = lost["answered_s"] - lost["requested_s"]
        assert set(lost["attempts"]) == {attempts}
        if name == "legacy":
            assert took_s.to_numpy() == pytest.approx(longest_s)
        else:
            assert longest_s * 0.7 < took_s.max() <= longest_s


def test_a_client_without_tokens_gives_up_at_once():
    writer = ds.Writer(clients=1, retries=ds.Retries(quota=10, retry_cost=5, base_s=1_000.0, cap_s=1_000.0))
    result = run(10, ds.OnDemand(max_write_request_units=1), writer=writer, duration_s=10)
    # two retries from the start, then one for every five writes that succeed: one a second
    assert outcomes(result) == {"admitted": 10, "waiting": 3, "lost": 87}


@pytest.mark.parametrize("retries", ["legacy", "standard", "standard_2026", "adaptive"])
def test_attempts_are_those_admitted_and_those_throttled(retries):
    result = run(120, ds.Provisioned(write_capacity_units=70), writer=ds.Writer(retries=retries))
    load, writes = result.table_load, result.writes
    assert load["requested"].sum() == len(writes)
    admitted = (writes["outcome"] == "admitted").sum()
    attempts = writes["attempts"].sum() - (writes["attempts"] == 0).sum()
    waiting_unsent = ((writes["outcome"] == "waiting") & (writes["throttle_reason"] == "")).sum()
    assert attempts - waiting_unsent == load["admitted"].sum() + load["throttles"].sum()
    assert admitted == load["admitted"].sum() == len(result.stream_log)
    assert load["lost"].sum() == (writes["outcome"] == "lost").sum()
    assert result.metrics["WriteThrottleEvents"].sum() == load["throttles"].sum()
    assert result.metrics["ConsumedWriteCapacityUnits"].sum() == load["write_units"].sum()
    assert result.partition_load["write_units"].sum() == load["write_units"].sum()


def test_clients_that_wait_write_as_often_as_thought_and_answer_allow():
    closed = ds.ClosedLoopWrites(clients=200, think_s=ds.Exponential(0.4), keys=SPREAD)
    for billing in (None, ds.OnDemand()):
        result = run(0, billing, workload=closed, writer=ds.Writer(latency=0.1), duration_s=100)
        rate = len(result.writes) / 100
        assert rate == pytest.approx(200 / 0.5, rel=0.03)


def test_a_throttled_closed_loop_writes_what_the_table_takes():
    closed = ds.ClosedLoopWrites(clients=100, think_s=0.5, keys=SPREAD)
    result = run(0, ds.Provisioned(write_capacity_units=50), workload=closed, writer=ds.Writer(), duration_s=60)
    assert (result.table_load["admitted"][1:] == 50).all()
    open_loop = run(200, ds.Provisioned(write_capacity_units=50), writer=ds.Writer(), duration_s=60)
    assert outcomes(result)["lost"] < outcomes(open_loop)["lost"] / 5


def test_adaptive_clients_are_throttled_far_less():
    throttles = {
        name: run(200, ds.Provisioned(write_capacity_units=50), writer=ds.Writer(retries=name)).table_load["throttles"]
        for name in ("standard_2026", "adaptive")
    }
    assert throttles["adaptive"].sum() < throttles["standard_2026"].sum() / 5


@pytest.mark.parametrize(
    "workload",
    [
        ds.PoissonWrites(rate_per_s=120),
        ds.TransactedWrites(workload=ds.PoissonWrites(rate_per_s=80), size=3),
        ds.BatchedWrites(workload=ds.PoissonWrites(rate_per_s=80), size=9),
    ],
    ids=["single", "transactions", "batches"],
)
def test_one_after_the_other_and_in_blocks_the_table_does_the_same(workload):
    billing = ds.Provisioned(write_capacity_units=60, auto_scaling=ds.AutoScaling(max_capacity=90))
    scenario = ds.Scenario(
        workload=workload, table=ds.Table(billing=billing), writer=ds.Writer(clients=3), duration_s=200
    )
    streams = RandomStreams(3)
    writes = workload.draw(200.0, streams)
    blocks, in_turn = (
        kind(scenario, writes, write_units(writes), streams) for kind in (PerSecondTable, PerAttemptTable)
    )
    blocks.run()
    in_turn.run()
    for name in ("attempts", "outcome", "reason", "last_s"):
        np.testing.assert_array_equal(getattr(blocks.retrying, name), getattr(in_turn.retrying, name))
    for name in ("throttles", "units", "saved", "admitted", "throttled_requests"):
        np.testing.assert_array_equal(getattr(blocks.ledger, name), getattr(in_turn.ledger, name))
    assert blocks.ledger.throttles.sum() > 100


# ---- kinds of writes

MIX = ds.OperationMix(insert=0.2, modify=0.5, remove=0.1, no_op=0.1, condition_failed=0.1)


def assert_consistent(writes):
    """Hold each item's writes to a chain: each begins with what the one before left."""
    size = {}
    taken = writes[writes["outcome"] == "admitted"]
    assert taken["written_s"].is_monotonic_increasing
    for item, operation, before, after in taken[["item_id", "operation", "bytes_before", "bytes_after"]].itertuples(
        index=False
    ):
        assert size.get(item, before) == before
        assert {"INSERT": before == 0 < after, "MODIFY": min(before, after) > 0, "REMOVE": before > 0 == after,
                "NO_OP": before == after}[operation]  # fmt: skip
        size[item] = after


@pytest.mark.parametrize("wrap", [None, ds.BatchedWrites, ds.TransactedWrites])
@pytest.mark.parametrize("billing", [None, ds.Provisioned(write_capacity_units=70)])
def test_lost_late_and_expired_writes_leave_every_item_consistent(wrap, billing):
    plain = ds.PoissonWrites(
        rate_per_s=60, operations=MIX, keys=ds.UniformKeys(items=150), item_bytes=ds.LogNormal(median=900, p99=4_000)
    )
    workload = plain if wrap is None else wrap(workload=plain)
    expiry = ds.TimeToLive(after_s=5, late=ds.Uniform(0, 10), scan_s=10)
    result = run(0, billing, workload=workload, writer=ds.Writer(), duration_s=90, time_to_live=expiry)
    writes = result.writes
    assert_consistent(writes)
    changed = writes[(writes["outcome"] == "admitted") & (writes["operation"] != "NO_OP")]
    assert len(changed) == len(result.stream_log)  # every change that was admitted makes exactly one record
    expired = writes[writes["kind"] == "ttl"]
    assert len(expired) > 100
    assert set(expired["operation"]) == {"REMOVE"}
    assert (expired["write_units"] == 0).all()


def test_expired_items_go_in_bursts_at_the_scans():
    expiry = ds.TimeToLive(after_s=10, late=0.0, scan_s=20)
    result = run(50, None, duration_s=100, partitions=1, time_to_live=expiry, keys=ds.SequentialKeys(items=10**6))
    instants = result.writes.query("kind == 'ttl'")["written_s"].unique()
    assert instants.tolist() == [10.0, 30.0, 50.0, 70.0, 90.0]


def test_a_transaction_costs_twice_and_is_taken_whole_or_not_at_all():
    transacted = ds.TransactedWrites(
        workload=ds.ConstantWrites(rate_per_s=40, keys=ds.SequentialKeys(items=10**6)), size=4
    )
    result = run(0, ds.OnDemand(max_write_request_units=40), workload=transacted, duration_s=30)
    writes = result.writes.sort_values("item_id")
    assert (writes.loc[writes["outcome"] == "admitted", "write_units"] == 2).all()
    whole = (writes["outcome"] == "admitted").to_numpy().reshape(-1, 4)
    assert (whole.all(axis=1) | ~whole.any(axis=1)).all()
    assert whole.any()
    assert not whole.all()


def test_writes_of_one_batch_come_together_and_are_judged_one_by_one():
    batched = ds.BatchedWrites(workload=ds.ConstantWrites(rate_per_s=50, keys=ds.SequentialKeys(items=10**6)))
    result = run(0, ds.OnDemand(max_write_request_units=30), workload=batched, duration_s=10)
    by_batch = result.writes.groupby("requested_s")["outcome"].apply(lambda one: (one == "admitted").sum())
    assert by_batch.tolist() == [25, 5] * 10


def test_an_item_comes_once_in_a_request():
    twice = ds.BatchedWrites(workload=ds.ConstantWrites(rate_per_s=10, keys=ds.SequentialKeys(items=3)), size=5)
    writes = twice.draw(1.0, RandomStreams(1))
    assert writes.item_id.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert writes.kind.tolist() == [1, 1, 1, 0, 0, 1, 1, 1, 0, 0]


def test_a_failed_condition_costs_units_and_leaves_no_record():
    mix = ds.OperationMix(modify=0.5, condition_failed=0.5)
    result = run(0, None, workload=ds.ConstantWrites(rate_per_s=100, operations=mix, item_bytes=2_000), duration_s=20)
    failed = result.writes.query("kind == 'condition failed'")
    assert len(failed) == pytest.approx(1_000, rel=0.1)
    assert (failed["write_units"] == 2).all()
    assert len(result.stream_log) == len(result.writes) - len(failed)


# ---- indexes


def test_an_index_without_capacity_throttles_the_table():
    index = ds.GlobalSecondaryIndex(name="by_date", billing=ds.Provisioned(write_capacity_units=25))
    result = run(100, ds.Provisioned(write_capacity_units=200), duration_s=20, global_secondary_indexes=index)
    assert (result.table_load["admitted"] == 25).all()
    assert set(result.writes.query("outcome == 'lost'")["throttle_reason"]) == {
        "IndexWriteProvisionedThroughputExceeded"
    }


@pytest.mark.parametrize(("shares", "admitted"), [({"key_changed_share": 1.0}, 15), ({"untouched_share": 1.0}, 100)])
def test_a_changed_index_key_is_two_writes_and_an_untouched_index_none(shares, admitted):
    index = ds.GlobalSecondaryIndex(name="by_date", billing=ds.Provisioned(write_capacity_units=30), **shares)
    result = run(100, ds.Provisioned(write_capacity_units=200), duration_s=20, global_secondary_indexes=index)
    assert (result.table_load["admitted"] == admitted).all()


def test_a_hot_index_key_is_capped_as_a_partition():
    index = ds.GlobalSecondaryIndex(name="status", keys=ds.UniformKeys(items=1), partitions=4)
    result = run(200, ds.OnDemand(warm_write_units_per_s=300), duration_s=10, global_secondary_indexes=index,
                 partition_write_units_per_s=120)  # fmt: skip
    assert (result.table_load["admitted"] == 120).all()
    assert "IndexWriteKeyRangeThroughputExceeded" in set(result.writes["throttle_reason"])


# ---- what was not limited


def test_a_table_with_room_takes_everything_as_one_without_a_mode():
    free, roomy = (run(100, billing, duration_s=30) for billing in (None, ds.OnDemand()))
    assert free.writes.equals(roomy.writes)
    assert free.stream_log.equals(roomy.stream_log)
    assert free.table_load["capacity_units"].iloc[0] == math.inf


def test_real_items_come_out_as_the_table_has_them():
    rows = [(0.0, "put", {"pk": "a", "n": 1}), (0.1, "put", {"pk": "b", "n": 1}), (0.2, "put", {"pk": "a", "n": 2})]
    scenario = ds.Scenario(
        workload=ItemWrites(rows),
        table=ds.Table(billing=ds.Provisioned(write_capacity_units=1, burst_s=0)),
        writer=ds.Writer(retries=ds.Retries(base_s=2.0, jitter=0.0), latency=0.0),
        duration_s=10,
    )
    streams = RandomStreams(1)
    admission = admit(scenario, scenario.workload.draw(10.0, streams), streams)
    assert admission.writes.at_s.tolist() == [0.0, 2.1, 6.2]
    assert [change.event_name for change in admission.writes.changes] == ["INSERT", "INSERT", "MODIFY"]
    assert admission.writes.changes[2].old_image == {"pk": {"S": "a"}, "n": {"N": "1"}}
