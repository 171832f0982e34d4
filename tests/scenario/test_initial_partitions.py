"""How many partitions a table has where nobody states them."""

import pytest

import ddbsim as ds

TABLES = {
    "no mode": (ds.Table(), 4),
    "stated": (ds.Table(partitions=7, billing=ds.OnDemand()), 7),
    "on demand": (ds.Table(billing=ds.OnDemand()), 4),
    "warmed for writes": (ds.Table(billing=ds.OnDemand(warm_write_units_per_s=8_001)), 9),
    "warmed for reads": (ds.Table(billing=ds.OnDemand(warm_read_units_per_s=24_000)), 8),
    "warmed, with a maximum": (
        ds.Table(billing=ds.OnDemand(warm_write_units_per_s=8_000, max_write_request_units=3_000)),
        8,
    ),
    "few units": (ds.Table(billing=ds.Provisioned(write_capacity_units=400, read_capacity_units=200)), 1),
    "a full partition": (ds.Table(billing=ds.Provisioned(write_capacity_units=1_000)), 1),
    "a unit more": (ds.Table(billing=ds.Provisioned(write_capacity_units=1_001)), 2),
    "more reads than writes": (ds.Table(billing=ds.Provisioned(write_capacity_units=10, read_capacity_units=9_001)), 4),
    "smaller partitions": (
        ds.Table(billing=ds.Provisioned(write_capacity_units=450), partition_write_units_per_s=100),
        5,
    ),
}


@pytest.mark.parametrize(("table", "partitions"), TABLES.values(), ids=TABLES)
def test_the_capacity_makes_the_partitions(table, partitions):
    assert table.initial_partitions == partitions


@pytest.mark.parametrize("table", [TABLES["few units"][0], TABLES["warmed for writes"][0], TABLES["stated"][0]])
@pytest.mark.parametrize("defaults", [False, True])
def test_text_keeps_what_is_stated_and_what_is_not(table, defaults):
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=1), table=table, duration_s=5)
    again = ds.Scenario.from_toml(scenario.to_toml(defaults=defaults))
    assert again.table.partitions == table.partitions
    assert again == scenario


def test_a_run_opens_so_many_shards():
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=20),
        table=ds.Table(billing=ds.Provisioned(write_capacity_units=2_500)),
        duration_s=5,
    )
    result = ds.simulate(scenario, rng=1, progress=False)
    assert len(result.partitions) == 3
    assert len(result.shards) == 3


def test_a_capacity_that_needs_too_many_partitions_is_refused():
    with pytest.raises(
        ValueError, match=r"Table.partitions must be >= 20,000 for 20,000 write units/s at 1 each, got 10"
    ):
        ds.Table(billing=ds.Provisioned(write_capacity_units=20_000), partition_write_units_per_s=1)
