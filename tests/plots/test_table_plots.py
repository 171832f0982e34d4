import pytest

import ddbsim as ds


def run(rate_per_s):
    scenario = ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=rate_per_s, keys=ds.UniformKeys(items=1_000)),
        table=ds.Table(partitions=2, billing=ds.Provisioned(write_capacity_units=50, initial_burst_s=2)),
        writer=ds.Writer(retries="legacy"),
        duration_s=20,
    )
    return ds.simulate(scenario, rng=7, progress=False)


@pytest.fixture(scope="module")
def result():
    return run(120)


def test_the_heat_map_has_a_cell_per_partition_and_second(result):
    ax = ds.plots.partition_heat(result)
    cells = ax.collections[0].get_array()
    assert cells.shape == (2, 20)
    assert cells.sum() == result.table_load["write_units"].sum()


def test_consumption_stands_beside_capacity_and_the_burst_that_is_left(result):
    ax = ds.plots.table_capacity(result, color="black")
    consumed, allowed = ax.lines[0], ax.lines[1]
    assert consumed.get_ydata().tolist() == result.table_load["write_units"].tolist()
    assert consumed.get_color() == "black"
    assert set(allowed.get_ydata()) == {50.0}
    burst = ax.figure.axes[1].lines[0]
    assert burst.get_ydata().tolist() == result.table_load["burst_units"].tolist()


def test_throttles_are_stacked_by_the_reasons_that_occurred(result):
    ax = ds.plots.throttles(result)
    assert [area.get_label() for area in ax.collections] == ["TableWriteProvisionedThroughputExceeded"]


def test_without_throttles_there_is_nothing_to_show():
    ax = ds.plots.throttles(run(10).table_load)
    assert [text.get_text() for text in ax.texts] == ["nothing to show"]
