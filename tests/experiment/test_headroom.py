"""How much more a design takes: what the table refuses, what does not keep up, and what is said of it."""

import pytest
from small_experiments import small

import ddbsim as ds

QUIET = {"rng": 7, "executor": "serial", "progress": False, "replications": 2, "precision": 0.05}


def of_table(workload=None, **table):
    return ds.Scenario(
        workload=workload or ds.ConstantWrites(rate_per_s=100, item_bytes=900),
        duration_s=60,
        warmup_s=5,
        table=ds.Table(**{"partitions": 1} | table),
    )


def test_no_more_is_promised_than_the_table_takes():
    scenario = of_table(billing=ds.Provisioned(write_capacity_units=200, burst_s=0))
    room = ds.headroom(scenario, slo=ds.SLO(latency_p99_s=2), **QUIET)
    assert 150 < room.holds_per_s <= 200
    assert "the table refuses writes" in room.breaks
    assert "TableWriteProvisionedThroughputExceeded" in room.breaks


def test_nor_than_its_smallest_index_does():
    index = ds.GlobalSecondaryIndex(name="by_date", billing=ds.Provisioned(write_capacity_units=50, burst_s=0))
    scenario = of_table(
        workload=ds.ConstantWrites(rate_per_s=20, item_bytes=900),
        billing=ds.Provisioned(write_capacity_units=200, burst_s=0),
        global_secondary_indexes=index,
    )
    room = ds.headroom(scenario, slo=ds.SLO(latency_p99_s=2), **QUIET)
    assert 20 < room.holds_per_s <= 50
    assert "IndexWrite" in room.breaks


def test_a_design_that_loses_writes_today_is_told_no():
    scenario = of_table(billing=ds.Provisioned(write_capacity_units=20, burst_s=0))
    room = ds.headroom(scenario, slo=ds.SLO(latency_p99_s=2), **QUIET)
    assert room.holds_per_s <= 20
    assert "today's 100 writes/s do not hold" in repr(room)


def test_lost_writes_may_be_allowed():
    # one lane carries 20 records/s, the table takes 10
    slow = ds.EventSourceMapping(batch_size=10, function=ds.Function(duration=ds.Duration(base_s=0.485)))
    scenario = of_table(
        workload=ds.ConstantWrites(rate_per_s=5, item_bytes=900),
        billing=ds.Provisioned(write_capacity_units=10, burst_s=0),
    )
    scenario = ds.vary(scenario, {"event_source_mappings": slow})
    slo, coarse = ds.SLO(latency_p99_s=10), QUIET | {"precision": 0.25}
    assert ds.headroom(scenario, slo=slo, **coarse).writes_per_s.mean < 12
    assert ds.headroom(scenario, slo=ds.SLO(latency_p99_s=10, lost_writes=1e9), **coarse).writes_per_s.mean > 12


def test_what_does_not_keep_up_does_not_hold():
    # a target that a growing backlog does not touch
    room = ds.headroom(small(batch_size=10), slo=ds.SLO(failed_invocations=0), **QUIET)
    beyond = ds.vary(small(batch_size=10), {"rate_per_s": room.holds_per_s, "duration_s": 240})
    assert ds.simulate(beyond, rng=3, progress=False).keeping_up()["verdict"].tolist() == ["keeps up"]
    assert "lanes" in room.breaks


def test_a_wrapped_workload_has_the_room_of_what_it_wraps():
    plain = ds.PoissonWrites(rate_per_s=100, operations=ds.OperationMix(insert=0, modify=0.6, no_op=0.4))
    slo = ds.SLO(latency_p99_s=3)
    rooms = [
        ds.headroom(small(workload=workload, batch_size=10, base_s=0.2), slo=slo, **QUIET).writes_per_s.mean
        for workload in (plain, ds.BatchedWrites(workload=plain, size=5))
    ]
    assert rooms[1] == pytest.approx(rooms[0], rel=0.2)


def test_what_was_found_is_proved_with_other_luck():
    room = ds.headroom(small(), slo=ds.SLO(latency_p99_s=2), **QUIET)
    assert room.proofs["holds"].tolist()[-1]
    assert room.proofs["writes_per_s"].iloc[-1] == room.holds_per_s
    assert (room.proofs["runs"] >= 4).all()


def test_a_run_that_would_not_fit_is_refused_before_the_first():
    with pytest.raises(ds.TooManyRecordsError, match="headroom: runs of 'small' of 24 h have more records than fit"):
        ds.headroom(small(rate_per_s=1_000, duration_s=86_400), slo=ds.SLO(latency_p99_s=2), **QUIET)


def test_a_bound_far_below_what_the_limits_allow_is_found():
    # lanes and reads would carry hundreds of times as much; the bill grows with the writes
    runs = ds.replicate(small(rate_per_s=1), replications=4, rng=3, executor="serial", progress=False).runs
    today = runs["usd_per_month"].mean()
    room = ds.headroom(small(rate_per_s=1), slo=ds.SLO(usd_per_month=3 * today), **QUIET)
    assert ds.closed_form(small(rate_per_s=1))["load"].max() < 0.01
    assert 2 < room.writes_per_s.mean < 4
    assert 1.5 < room.holds_per_s <= 3.2
