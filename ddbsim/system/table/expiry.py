"""The deletes of expired items, among the writes that the table took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.items import Change
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario, TimeToLive
from ddbsim.system.hashing import partition_of
from ddbsim.workload import NO_OP, REMOVE, SINGLE, TTL, WriteColumns

from .outcomes import resolve

__all__ = ["with_expired"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def with_expired(
    scenario: Scenario, expiry: TimeToLive, writes: WriteColumns, streams: RandomStreams
) -> tuple[WriteColumns, Ints]:
    """Return the writes with the deletes of expired items among them, and the row of each in `writes` (-1: a delete).

    An item expires some time after the last write that left it; a delete comes unless another write, or the end of
    the run, comes before.
    """
    row, at_s = _deletes(scenario, expiry, writes, streams)
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
        kind=np.where(expired, np.int8(TTL), kind[source]),
        changes=_changes(writes, source, expired),
    )
    touched = np.zeros(int(writes.item_id.max(initial=-1)) + 1, dtype=np.bool_)
    touched[writes.item_id[row]] = True
    return resolve(writes, merged, touched), np.where(expired, -1, source)


def _deletes(
    scenario: Scenario, expiry: TimeToLive, writes: WriteColumns, streams: RandomStreams
) -> tuple[Ints, Floats]:
    """Return the writes whose items expire, and when they are deleted."""
    setters = np.flatnonzero(writes.operation != NO_OP)
    item_id, at_s = writes.item_id[setters], writes.at_s[setters]
    late_s = as_distribution(expiry.late).sample(streams("table.ttl"), len(setters))
    partitions = scenario.table.initial_partitions
    phase_s = (partition_of(item_id, partitions) + 0.5) / partitions * expiry.scan_s
    due_s = at_s + expiry.after_s + late_s
    due_s = np.ceil((due_s - phase_s) / expiry.scan_s) * expiry.scan_s + phase_s
    by_item = np.argsort(item_id, kind="stable")
    next_s = np.full(len(setters), np.inf)
    follows = np.diff(item_id[by_item]) == 0
    next_s[by_item[:-1][follows]] = at_s[by_item[1:][follows]]
    left = writes.operation[setters] != REMOVE
    gone = left & (due_s < next_s) & (due_s < scenario.length_s)
    return setters[gone], due_s[gone]


def _changes(writes: WriteColumns, source: Ints, expired: npt.NDArray[np.bool_]) -> tuple[Change, ...] | None:
    if writes.changes is None:
        return None
    made = [writes.changes[row] for row in source.tolist()]
    for place in np.flatnonzero(expired).tolist():
        made[place] = replace(made[place], event_name="REMOVE", new_image=None, bytes_after=0)
    return tuple(made)
