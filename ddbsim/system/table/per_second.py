"""The table under its requests, second by second: buckets, retries, auto scaling, splits.

Between two changes of the table its seconds are looked at together. One in which all buckets suffice, and no retry is
due, is admitted as a whole; only the others are looked into, each in a few array operations.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import THROTTLE_REASONS, Written
from ddbsim.randomness import RandomStreams
from ddbsim.record.table import ScalingAction, TableTimeSeries
from ddbsim.scenario import Provisioned, Scenario
from ddbsim.workload import WriteColumns

from .capacity.buckets import Buckets, Refusals
from .capacity.charges import Charges
from .capacity.index_writes import index_demand
from .capacity.throughput import Throughput
from .clients.attempts import Attempts
from .clients.retrying import Retrying
from .clients.transactions import Transactions
from .interval import Interval
from .items import ItemsOnDemand
from .partitions.key_space import KeySpace
from .partitions.partitioning import Partitioning

__all__ = ["PerSecondTable"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MINUTE_S = 60


class PerSecondTable:
    """One run of the table.

    Parameters
    ----------
    scenario
        The table, with a billing mode, and its writer.
    writes
        What the clients ask for, in the order of their requests, and what it does if each is taken at once.
    units
        Write units of each, so taken.
    streams
        The run's random streams.
    items
        What each write finds otherwise; None: the items of `writes`, which never expire.

    Attributes
    ----------
    retrying
        The clients' side; None if nothing was ever throttled.
    """

    def __init__(
        self,
        scenario: Scenario,
        writes: WriteColumns,
        units: npt.NDArray[np.int32],
        streams: RandomStreams,
        items: ItemsOnDemand | None = None,
    ) -> None:
        table = scenario.table
        assert table.billing is not None
        self._scenario, self._writes, self._streams = scenario, writes, streams
        self._end = math.ceil(scenario.length_s)
        self.groups = Transactions(writes)
        self.keys = KeySpace(table.initial_partitions, writes.item_id)
        cap = float(table.partition_write_units_per_s)
        quota, start_s = table.write_quota_per_s, scenario.start_epoch_s
        self.table = Throughput.of_modes(table.modes, quota, start_s)
        self._demand = [index_demand(one, writes, streams) for one in table.indexes]
        self._names = ["table", *(one.name for one in table.indexes)]
        self.buckets = Buckets(
            self.table,
            len(self.keys),
            cap,
            [Throughput.of_modes(table.modes_of(one), quota, start_s) for one in table.indexes],
            # without keys an index is spread evenly, and no partition of it is told apart
            [(one.partitions, math.inf if one.keys is None else cap) for one in table.indexes],
        )
        self.ledger = TableTimeSeries(self._end, len(table.indexes), math.ceil(scenario.duration_s or 0.0))
        self._partitioning = Partitioning(scenario, self.keys, writes, units)
        self._charges = Charges(units, self._demand, items or ItemsOnDemand(writes, None))
        self.retrying: Retrying | None = None
        self._reached = 0
        self._minute = np.zeros(len(self.keys))
        self._share_out()

    def run(self) -> None:
        """Run to the end."""
        begin, settled = 0, False
        while begin < self._end:
            if settled and (idle := self._idle_until(begin)) > begin:
                self.ledger.idle(
                    begin,
                    idle,
                    self.keys.open,
                    capacity=self.table.rate,
                    provisioned=self.table.provisioned,
                    saved=self.table.saved,
                )
                begin, settled = idle, False
                continue
            end = min(self._next_change(begin), self._end)
            # what a minute without requests leaves as it was, further ones do too
            idle_minute = end - begin == _MINUTE_S and self.buckets.at_rest and self._next_request_s() >= end
            decided = len(self.ledger.decisions)
            self._pass(Interval(begin, end, self._writes.at_s, self._charges.units, self.keys, self._demand))
            if end < self._end:
                self._control(end)
            begin, settled = end, idle_minute and decided == len(self.ledger.decisions)

    def _idle_until(self, second: int) -> int:
        """Return up to which whole minute nothing happens and nothing is observed; the second itself if none is."""
        if not self.buckets.at_rest or any(throughput.watches for throughput in self._throughputs):
            return second
        planned = [change.effective_s for bucket in self._throughputs for change in bucket.pending]
        # a change is made at the end of a stretch that is passed second by second
        changes = [at - 1 for at in (*planned, *self._partitioning.due)]
        until = min(self._next_request_s(), self._end, *changes)
        return max(second, int(until) // _MINUTE_S * _MINUTE_S)

    def _next_request_s(self) -> float:
        """Return when the next attempt is made of those that are known; infinity if there is none."""
        at_s = self._writes.at_s
        first = float(at_s[self._reached]) if self._reached < len(at_s) else math.inf
        return first if self.retrying is None else min(first, self.retrying.next_due)

    def _next_change(self, second: int) -> int:
        planned = [change.effective_s for bucket in self._throughputs for change in bucket.pending]
        minute = (second // _MINUTE_S + 1) * _MINUTE_S
        return min(minute, *(at for at in (*planned, *self._partitioning.due, minute) if at > second))

    @property
    def _throughputs(self) -> list[Throughput]:
        return [self.table, *self.buckets.indexes]

    # the seconds between two changes

    def _pass(self, stretch: Interval) -> None:
        quiet = self._next_request_s() >= stretch.begin + stretch.seconds
        for turn in range(stretch.seconds):
            if quiet and self.buckets.at_rest:
                # nothing changes any more
                self.ledger.save(stretch.begin + turn, stretch.begin + stretch.seconds, self.table.saved)
                break
            self.buckets.refill()
            if self._suffice(stretch, turn):
                self._admit_whole(stretch, turn)
            else:
                self._look_into(stretch, turn)
            self.ledger.saved[stretch.begin + turn] = self.table.saved
        self._reached = int(stretch.bounds[-1])
        if self.retrying is not None:
            waiting, _ = self.groups.rows(self.retrying.waiting())
            self._charges.settle(int(stretch.bounds[0]), self._reached, waiting)
        self._finish(stretch)

    def _finish(self, stretch: Interval) -> None:
        """Record what was done."""
        self._minute += stretch.used.sum(axis=0)
        self.ledger.interval(
            stretch.begin,
            stretch.used,
            stretch.throttled,
            self.keys.open,
            capacity=self.table.rate,
            provisioned=self.table.provisioned,
        )

    def _suffice(self, stretch: Interval, turn: int) -> bool:
        """Whether a second has none but its own requests, and units for all of them."""
        retries = self.retrying is not None and stretch.begin + turn in self.retrying
        if retries or self._charges.uncertain(*stretch.rows(turn)):
            return False
        return self.buckets.suffice(stretch.most[turn], stretch.units[turn], stretch.by_index[turn])

    def _admit_whole(self, stretch: Interval, turn: int) -> None:
        first, last = stretch.rows(turn)
        self.buckets.take(stretch.units[turn], stretch.by_index[turn])
        self.ledger.admitted[stretch.begin + turn] = last - first
        self.ledger.index_units[stretch.begin + turn] = stretch.by_index[turn]
        if self.retrying is not None:
            self.retrying.succeed(*self.groups.requests(first, last))
            rows = np.arange(first, last)
            self._charges.take(rows, self._writes.at_s[rows])

    def _look_into(self, stretch: Interval, turn: int) -> None:
        second = stretch.begin + turn
        tried = self._attempts(second, *stretch.rows(turn))
        rows, owner = self.groups.rows(tried.request)
        partition, refusals = self.keys.partition[rows], self._judge(rows, tried.at_s[owner], owner)
        passed = refusals.reason == 0
        units, indexes = self._charges.units[rows], [one.units[rows] for one in self._demand]
        stretch.used[turn] = np.bincount(partition, weights=np.where(passed, units, 0), minlength=len(self.keys))
        self.ledger.admitted[second] = passed.sum()
        self.ledger.index_units[second] = [one[passed].sum() for one in indexes]
        if not passed.all() or self.retrying is not None:
            self._settle(stretch, turn, tried, owner, refusals)

    def _judge(self, rows: Ints, at_s: Floats, owner: Ints) -> Refusals:
        """Return what becomes of a second's attempts, and take their units.

        What a write takes may depend on which of those before it pass, and that on what they take. Each round is right
        for one attempt more than the one before, and mostly the first is for all.
        """
        self._charges.recharge(rows, at_s, np.ones(len(rows), dtype=np.bool_))
        while True:
            levels = self.buckets.levels()
            indexes = [one.of(rows) for one in self._demand]
            refusals = self.buckets.admit(self.keys.partition[rows], self._charges.units[rows], indexes, owner)
            passed = refusals.reason == 0
            self._charges.refuse(rows, passed, self._writes.at_s)
            if not self._charges.recharge(rows, at_s, passed):
                self._charges.take(rows[passed], at_s[passed])
                return refusals
            self.buckets.restore(levels)

    def _attempts(self, second: int, first: int, last: int) -> Attempts:
        """Return a second's attempts: its own requests, and the retries that are due."""
        begin, end = self.groups.requests(first, last)
        own = Attempts(
            self.groups.of_requests(self._writes.at_s)[begin:end],
            np.arange(begin, end),
            np.ones(end - begin, dtype=np.int64),
        )
        due = [] if self.retrying is None else self.retrying.due(second)
        return Attempts.joined([own, *due]).in_order() if due else own

    def _settle(self, stretch: Interval, turn: int, tried: Attempts, owner: Ints, refusals: Refusals) -> None:
        """Tell the clients, and count what was refused."""
        retrying = self.retrying = self.retrying or self._clients()
        first_row = np.flatnonzero(np.diff(owner, prepend=-1))
        emptied = (
            refusals.emptied if refusals.emptied < 0 else int(np.append(owner, len(tried.request))[refusals.emptied])
        )
        requests, reasons = retrying.settle(
            stretch.begin + turn, tried, refusals.reason[first_row], emptied, self.table.reason
        )
        rows, owner = self.groups.rows(requests)
        stretch.throttled[turn] = np.bincount(self.keys.partition[rows], minlength=len(self.keys))
        counts = np.bincount(reasons[owner], minlength=len(THROTTLE_REASONS))
        self.ledger.throttles[stretch.begin + turn] = counts
        self.ledger.throttled_requests[stretch.begin + turn] = len(requests)

    def _clients(self) -> Retrying:
        client = self._writes.client
        return Retrying(
            self._scenario.writer,
            self.groups.of_requests(self._writes.at_s),
            None if client is None else self.groups.of_requests(client),
            self._streams,
            self._scenario.length_s,
        )

    # the changes

    def _control(self, second: int) -> None:
        if second % _MINUTE_S == 0:
            self._observe(second)
        for name, throughput in zip(self._names, self._throughputs, strict=True):
            for change in throughput.apply(second):
                before, after = change.units_before, throughput.rate
                self._decided(
                    ScalingAction(change.decided_s, float(change.effective_s), name, change.cause, before, after)
                )
        self._decided(*self._partitioning.apply(second, self._to_come))
        self._decided(*self._partitioning.provide(second, self.table.rate, self._to_come))
        self._share_out()

    def _observe(self, second: int) -> None:
        minute = slice(second - _MINUTE_S, second)
        self.table.observe(second, float(self.ledger.units[minute].sum()) / _MINUTE_S)
        for number, index in enumerate(self.buckets.indexes):
            index.observe(second, float(self.ledger.index_units[minute, number].sum()) / _MINUTE_S)
        self._partitioning.observe(second, self._minute / _MINUTE_S)
        self._minute = np.zeros(len(self.keys))

    def _decided(self, *decisions: ScalingAction) -> None:
        self.ledger.decisions.extend(decisions)

    def _share_out(self) -> None:
        """Give each partition its bucket; without adaptive capacity an equal part of the table's units."""
        billing, cap = self.table.billing, float(self._scenario.table.partition_write_units_per_s)
        if isinstance(billing, Provisioned) and not billing.adaptive_capacity:
            cap = min(cap, self.table.rate / self.keys.open_count)
        self.buckets.partitions.resize(len(self.keys), cap)
        self._minute = np.append(self._minute, np.zeros(len(self.keys) - len(self._minute)))

    def _to_come(self) -> npt.NDArray[np.bool_]:
        """Return which writes have not been admitted."""
        to_come = np.arange(len(self._writes)) >= self._reached
        if self.retrying is not None:
            to_come |= self.groups.spread(self.retrying.outcome) == Written.WAITING
        return to_come
