"""What each workload says of itself, against what it draws."""

import pytest
from every_workload import WORKLOADS

import ddbsim as ds
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import VIEW_TYPES
from ddbsim.system.table.capacity.units import write_units
from ddbsim.workload.means import WriteMeans


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_knows_its_own_averages(name):
    workload = WORKLOADS[name]()
    writes = workload.draw(60, RandomStreams(7)).until(60)
    drawn = WriteMeans.given(writes)
    assert workload.recorded_share == pytest.approx(drawn.recorded_share, abs=0.02)
    assert workload.means.remove_share == pytest.approx(drawn.remove_share, abs=0.03)
    # of many items written a few times each, chance makes one the hottest
    assert workload.hottest_share == pytest.approx(drawn.hottest_share, rel=0.25, abs=2e-4)
    for view_type in VIEW_TYPES:
        assert workload.mean_record_bytes(view_type) == pytest.approx(drawn.record_bytes(view_type), rel=0.06)
    assert workload.mean_write_units == pytest.approx(write_units(writes).mean(), rel=0.06)


def test_given_writes_have_the_mean_size_of_the_items_that_they_leave():
    large = {"pk": "a", "text": "x" * 400}
    workload = ds.ItemWrites([(0, "put", {"pk": "a"}), (1, "put", large), (2, "delete", {"pk": "a"})])
    first, second, gone = (change.bytes_after for change in workload.changes)
    assert second > first + 400
    assert gone == 0
    assert workload.mean_item_bytes == (first + second) / 2
    assert ds.ItemWrites([(0, "delete", {"pk": "a"})]).mean_item_bytes == 0.0


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_knows_how_many_writes_come(name):
    scenario = ds.Scenario(workload=WORKLOADS[name](), duration_s=60)
    result = ds.simulate(scenario, rng=7, progress=False)
    assert scenario.writes_per_s * 60 == pytest.approx(len(result.writes), rel=0.05)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_field_of_the_rate_is_there_and_raises_it(name):
    field = WORKLOADS[name]().rate_field
    if field is None:
        assert name in ("ClosedLoopWrites", "ReplayWrites", "ItemWrites", "flash_sale", "TraceWrites")
        return
    scenario = ds.Scenario(workload=WORKLOADS[name](), duration_s=60)
    assert ds.vary(scenario, {f"workload.{field}": 7}).writes_per_s == pytest.approx(7)


def test_the_shares_of_a_wrapped_workload_are_those_of_what_it_wraps():
    plain = WORKLOADS["PoissonWrites"]()
    wrapped = ds.BatchedWrites(workload=plain, size=7)
    assert wrapped.means == plain.means
    assert wrapped.steady
    assert ds.TransactedWrites(workload=plain).mean_write_units == 2 * plain.mean_write_units
