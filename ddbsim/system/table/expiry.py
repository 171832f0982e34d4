"""When items expire, and the deletes of expired items among the writes that the table took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.items import Change
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario
from ddbsim.system.hashing import partition_of
from ddbsim.workload import REMOVE, SINGLE, TTL, WriteColumns

__all__ = ["Expiry", "with_deletes"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Expiry:
    """When the items that planned writes leave are deleted, if no other write comes before.

    Parameters
    ----------
    scenario
        A table with a time to live.
    planned
        What the clients intend.
    streams
        The run's random streams.
    """

    def __init__(self, scenario: Scenario, planned: WriteColumns, streams: RandomStreams) -> None:
        expiry, partitions = scenario.table.time_to_live, scenario.table.initial_partitions
        assert expiry is not None
        self._scan_s = expiry.scan_s
        excess_latency_s = as_distribution(expiry.late).sample(streams("table.ttl"), len(planned))
        self._after_s = expiry.after_s + excess_latency_s
        self._phase_s = (partition_of(planned.item_id, partitions) + 0.5) / partitions * expiry.scan_s

    def due_s(self, rows: Ints, at_s: Floats) -> Floats:
        """Return when the items of planned writes are deleted that were taken at given instants."""
        phase_s, expired_s = self._phase_s[rows], at_s + self._after_s[rows]
        scanned_s = np.ceil((expired_s - phase_s) / self._scan_s) * self._scan_s + phase_s
        # rounding must not find it before it expires
        return np.asarray(np.maximum(scanned_s, expired_s))


def with_deletes(
    expiry: Expiry, writes: WriteColumns, rows: Ints, item: Ints, left: npt.NDArray[np.int32], length_s: float
) -> tuple[WriteColumns, Ints]:
    """Return the writes with the deletes of expired items among them, and the row of each in `writes` (-1: a delete).

    An item expires some time after the last write that left it; a delete comes unless another write, or the end of
    the run, comes before.

    Parameters
    ----------
    expiry
        When items expire.
    writes
        What the table took, as it turned out.
    rows
        The planned write behind each.
    item
        Number of each one's item.
    left
        The size at which each leaves its item; -1 for one that was not to change it.
    length_s
        The end of the run.
    """
    row, at_s = _deletes(expiry, writes.at_s, rows, item, left, length_s)
    count = len(writes)
    # a client's write at the same instant was there first
    order = np.lexsort((np.arange(count + len(row)), np.concatenate((writes.at_s, at_s))))
    source = np.concatenate((np.arange(count), row))[order]
    expired = order >= count
    kind = np.full(count, SINGLE, dtype=np.int8) if writes.kind is None else writes.kind
    merged = writes.take(
        source,
        at_s=np.concatenate((writes.at_s, at_s))[order],
        operation=np.where(expired, np.int8(REMOVE), writes.operation[source]),
        bytes_before=np.where(expired, writes.bytes_after[source], writes.bytes_before[source]),
        bytes_after=np.where(expired, np.int32(0), writes.bytes_after[source]),
        kind=np.where(expired, np.int8(TTL), kind[source]),
        changes=_changes(writes, source, expired),
    )
    return merged, np.where(expired, -1, source)


def _deletes(
    expiry: Expiry, at_s: Floats, rows: Ints, item: Ints, left: npt.NDArray[np.int32], length_s: float
) -> tuple[Ints, Floats]:
    """Return the writes whose items expire, and when they are deleted."""
    setters = np.flatnonzero(left >= 0)
    due_s = expiry.due_s(rows[setters], at_s[setters])
    by_item = np.argsort(item[setters], kind="stable")
    next_s = np.full(len(setters), np.inf)
    follows = np.diff(item[setters][by_item]) == 0
    next_s[by_item[:-1][follows]] = at_s[setters][by_item[1:][follows]]
    gone = (left[setters] > 0) & (due_s < next_s) & (due_s < length_s)
    return setters[gone], due_s[gone]


def _changes(writes: WriteColumns, source: Ints, expired: npt.NDArray[np.bool_]) -> tuple[Change, ...] | None:
    if writes.changes is None:
        return None
    made = [writes.changes[row] for row in source.tolist()]
    for place in np.flatnonzero(expired).tolist():
        made[place] = replace(made[place], event_name="REMOVE", new_image=None, new_json="", bytes_after=0)
    return tuple(made)
