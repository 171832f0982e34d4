"""Which reads the table refuses: second by second, against buckets of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Billing, OnDemand, Provisioned, Table

from .buckets import Buckets
from .throughput import Throughput

__all__ = ["refused_reads"]

_MINUTE_S = 60
# an eventually consistent read takes half a unit: counted in halves, all units are whole
_HALVES = 2
# more than any run asks for
_UNLIMITED = 10**15


def refused_reads(
    table: Table,
    partitions: int,
    at_s: npt.NDArray[np.float64],
    partition: npt.NDArray[np.int64],
    units: npt.NDArray[np.float64],
) -> npt.NDArray[np.int8]:
    """Return the code of each read's throttle (`log.throttling.Throttle`), 0 if it was served.

    A bucket does not know what it is drawn for: those of reads go by the rules of writes, with capacities of their own.

    Parameters
    ----------
    table
        Its billing mode and caps.
    partitions
        How many partitions there ever are.
    at_s, partition, units
        Of each read, in the order of time: when, of which partition, and its read units, whole or half.
    """
    refused = np.zeros(len(at_s), dtype=np.int8)
    if table.billing is None or not len(at_s):
        return refused
    throughput = Throughput(_of_reads(table.billing), _HALVES * table.read_quota_per_s, 0.0)
    for switch in table.stated_switches:
        throughput.switch(switch.at_s, _of_reads(switch.billing))
    buckets = Buckets(throughput, partitions, float(_HALVES * table.partition_read_units_per_s), [], [])
    halves, where = (_HALVES * units).astype(np.int32), partition.astype(np.uint16)
    seconds = int(at_s[-1]) + 1
    bounds = np.searchsorted(at_s, np.arange(seconds + 1)).tolist()
    used = 0.0
    for second in range(seconds):
        if second and second % _MINUTE_S == 0:
            throughput.observe(second, used / _MINUTE_S)
            used = 0.0
        throughput.apply(second)
        buckets.refill()
        mine = slice(bounds[second], bounds[second + 1])
        if mine.start < mine.stop:
            alone = np.arange(mine.stop - mine.start)
            refused[mine] = buckets.admit(where[mine], halves[mine], [], alone).reason
            used += float(halves[mine][refused[mine] == 0].sum())
    return refused


def _of_reads(billing: Billing) -> Billing:
    """Return the mode as the bucket of the reads sees it, in half units."""
    if isinstance(billing, Provisioned):
        if billing.read_capacity_units is None:
            return OnDemand(warm_write_units_per_s=_UNLIMITED)
        return Provisioned(
            write_capacity_units=_HALVES * billing.read_capacity_units,
            burst_s=billing.burst_s,
            initial_burst_s=billing.initial_burst_s,
        )
    most = billing.max_read_request_units
    return OnDemand(
        warm_write_units_per_s=_HALVES * billing.warm_read_units_per_s,
        max_write_request_units=None if most is None else _HALVES * most,
        peak_growth_s=billing.peak_growth_s,
    )
