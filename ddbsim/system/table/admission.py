"""From what clients ask of a table to what it takes, before the stream begins: the stream does not act on writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.log.throttling import Written
from ddbsim.randomness import RandomStreams
from ddbsim.record.partitions import Placement
from ddbsim.record.table import Admission, Requests
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .capacity.units import write_units
from .clients.retrying import Retrying
from .effective_writes import effective_writes
from .expiry import Expiry
from .items import Items, ItemsOnDemand
from .partitions.history import assign_partitions
from .per_attempt import PerAttemptTable
from .per_second import PerSecondTable

__all__ = ["admit"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def admit(scenario: Scenario, writes: WriteColumns, streams: RandomStreams) -> Admission:
    """Return what the table takes of what clients ask for.

    Each write is charged by what it finds: an item as the last write that was taken left it, unless it has expired.

    Parameters
    ----------
    scenario
        Gives the table and its writer.
    writes
        What the clients intend, in the order of their requests.
    streams
        The run's random streams.
    """
    unlimited = scenario.table.billing is None
    if unlimited and writes.think_s is not None:
        writes = _unhindered(scenario, writes, writes.think_s, streams)
    expiry = None if scenario.table.time_to_live is None else Expiry(scenario, writes, streams)
    items = ItemsOnDemand(writes, expiry)
    if unlimited:
        admission = Admission(writes, writes, None, write_units(writes))
        return admission if expiry is None else _expiring(scenario, admission, items.made, expiry)
    if writes.think_s is not None or scenario.writer.policy.adaptive:
        return _in_turn(scenario, writes, items, expiry, streams)
    expected = writes if expiry is None else _expected(items.made)
    load = PerSecondTable(scenario, expected, write_units(expected), streams, items)
    load.run()
    if load.retrying is not None:
        return _settled(load, load.retrying, writes, items.made, expiry, scenario.length_s)
    admission = Admission(
        writes, writes, None, write_units(writes), load.keys.placement(slice(None)), None, load.ledger
    )
    return admission if expiry is None else _expiring(scenario, admission, items.made, expiry)


def _in_turn(
    scenario: Scenario, writes: WriteColumns, items: ItemsOnDemand, expiry: Expiry | None, streams: RandomStreams
) -> Admission:
    load = PerAttemptTable(scenario, writes, write_units(writes), streams, items)
    load.run()
    asked = writes.take(slice(None), at_s=load.groups.spread(load.sent_s))
    return _settled(load, load.clients, asked, items.made, expiry, scenario.length_s)


def _expected(items: Items) -> WriteColumns:
    """Return what the planned writes do if each is taken at once."""
    planned = items.planned
    found = items.found(np.arange(len(planned)), planned.at_s)
    return planned.take(slice(None), operation=found.operation, bytes_before=found.before, bytes_after=found.after)


def _expiring(scenario: Scenario, admission: Admission, items: Items, expiry: Expiry) -> Admission:
    """Return what happened where each write was taken at once, with the deletes of expired items."""
    everything = np.arange(len(admission.planned))
    taken, rows = effective_writes(items, everything, admission.planned.at_s, expiry, scenario.length_s)
    return _with_taken(admission, taken, rows)


def _with_taken(admission: Admission, taken: WriteColumns, rows: Ints) -> Admission:
    """Return the admission with the writes that the table took, each charged by what it did, in its partition."""
    units, asked = admission.units, rows >= 0
    units[rows[asked]] = write_units(taken)[asked]
    placement = admission.placement
    if placement is not None and not asked.all():
        partition = assign_partitions(taken.item_id, taken.at_s, placement.partitions)
        placement = Placement(partition, placement.partitions)
    return replace(admission, writes=taken, rows=rows, units=units, placement=placement)


def _settled(
    load: PerSecondTable, retrying: Retrying, asked: WriteColumns, items: Items, expiry: Expiry | None, length_s: float
) -> Admission:
    """Return what a table took that did not take everything at once; `asked` has the instants of the requests."""
    spread = load.groups.spread
    outcome, last_s = spread(retrying.outcome), spread(retrying.last_s)
    taken = np.flatnonzero(outcome == Written.ADMITTED)
    rows = taken[np.argsort(last_s[taken], kind="stable")]
    answered_s = last_s + spread(retrying.latency_s)
    unknown = (outcome == Written.WAITING) | (answered_s >= length_s)
    requests = Requests(
        attempts=spread(retrying.attempts),
        outcome=outcome,
        reason=spread(retrying.reason),
        answered_s=np.where(unknown, np.nan, answered_s),
    )
    placement = load.keys.placement(rows)
    admission = Admission(asked, asked, rows, write_units(asked), placement, requests, load.ledger)
    return _with_taken(admission, *effective_writes(items, rows, last_s[rows], expiry, length_s))


def _unhindered(scenario: Scenario, writes: WriteColumns, think_s: Floats, streams: RandomStreams) -> WriteColumns:
    """Return the writes of clients that wait for each answer, where the table takes whatever comes."""
    assert writes.client is not None
    latency_s = as_distribution(scenario.writer.latency).sample(streams("writer.latency"), len(writes))
    order = np.argsort(writes.client, kind="stable")
    client = writes.client[order]
    # sent after all thoughts and answers before it
    until_s = np.cumsum(think_s[order] + latency_s[order])
    starts = np.flatnonzero(np.diff(client, prepend=-1))
    before_s = np.concatenate(([0.0], until_s))[starts]
    sent_s = until_s - latency_s[order] - np.repeat(before_s, np.diff(np.append(starts, len(client))))
    by_time = np.argsort(sent_s, kind="stable")
    by_time = by_time[sent_s[by_time] < scenario.length_s]
    return effective_writes(Items(writes, None), order[by_time], sent_s[by_time], None, scenario.length_s)[0]
