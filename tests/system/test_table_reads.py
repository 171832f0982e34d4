"""Reads against the table's capacity: closed forms of the burst, the caps of partitions, growth on demand."""

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.log.throttling import READ_THROTTLE_REASONS
from ddbsim.system.table import refused_reads


def each_second(table, reads_per_s, seconds, *, units=1.0, partitions=1, idle_s=0):
    """Offer so many reads in each second after an idle time; return how many are served in each, and the reasons."""
    at_s = np.repeat(np.arange(idle_s, idle_s + seconds), reads_per_s) + np.tile(np.arange(reads_per_s), seconds) / (
        2.0 * reads_per_s
    )
    partition = np.arange(len(at_s)) % partitions
    codes = refused_reads(table, partitions, at_s, partition, np.full(len(at_s), units))
    served = np.bincount(np.floor(at_s[codes == 0]).astype(int), minlength=idle_s + seconds)[idle_s:]
    return served.tolist(), {READ_THROTTLE_REASONS[code] for code in np.unique(codes)} - {""}


@pytest.mark.parametrize(("units", "each"), [(1.0, 100), (0.5, 200), (2.0, 50)])
def test_a_burst_is_spent_exactly_and_then_the_rate_is_sustained(units, each):
    # 300 s of 100 units/s are kept; 400 units/s take 300 of them each second: for 100 s, and 100 units/s after that
    table = ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=10, read_capacity_units=100))
    served, reasons = each_second(table, 4 * each, 150, units=units, idle_s=400)
    assert served == [4 * each] * 100 + [each] * 50
    assert reasons == {"TableReadProvisionedThroughputExceeded"}


def test_a_partition_serves_3000_whatever_the_table_has():
    table = ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=10, read_capacity_units=9_000))
    served, reasons = each_second(table, 4_000, 3)
    assert served == [3_000] * 3
    assert reasons == {"TableReadKeyRangeThroughputExceeded"}
    # eventually consistent reads take half a unit
    assert each_second(table, 7_000, 2, units=0.5)[0] == [6_000] * 2
    assert each_second(table, 4_000, 3, partitions=2) == ([4_000] * 3, set())


def test_on_demand_grows_to_twice_its_peak():
    billing = ds.OnDemand(warm_read_units_per_s=100, peak_growth_s=60)
    table = ds.Table(partitions=1, billing=ds.OnDemand(warm_write_units_per_s=10, warm_read_units_per_s=100))
    assert each_second(table, 150, 130)[0] == [100] * 130
    served, reasons = each_second(ds.Table(partitions=4, billing=billing), 150, 130)
    assert (served[:120], served[120:]) == ([100] * 120, [150] * 10)
    assert reasons == {"TableReadKeyRangeThroughputExceeded"}
    most = ds.OnDemand(max_read_request_units=70)
    assert each_second(ds.Table(partitions=4, billing=most), 80, 2) == (
        [70, 70],
        {"TableReadMaxOnDemandThroughputExceeded"},
    )
    quota = ds.Table(partitions=4, billing=ds.OnDemand(), read_quota_per_s=60)
    assert each_second(quota, 80, 2) == ([60, 60], {"TableReadAccountLimitExceeded"})


def test_a_switch_changes_what_is_served():
    switch = ds.BillingSwitch(
        at_s=4.5, billing=ds.Provisioned(write_capacity_units=10, read_capacity_units=20, burst_s=0)
    )
    table = ds.Table(partitions=4, billing=ds.OnDemand(max_read_request_units=70), billing_switches=switch)
    assert each_second(table, 80, 8)[0] == [70] * 5 + [20] * 3


def test_without_a_mode_or_a_capacity_all_is_served():
    assert each_second(ds.Table(partitions=1), 9_000, 2) == ([9_000] * 2, set())
    provisioned = ds.Table(partitions=1, billing=ds.Provisioned(write_capacity_units=10))
    assert each_second(provisioned, 2_999, 2) == ([2_999] * 2, set())
