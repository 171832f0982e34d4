"""From what clients ask of a table to what it takes, before the stream begins: the stream does not act on writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.log.throttling import Written
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario
from ddbsim.system.partitions import Placement, assign_partitions
from ddbsim.system.units import write_units
from ddbsim.workload import WriteColumns

from .expiry import with_expired
from .in_turn import TableInTurn
from .ledger import Ledger
from .load import TableLoad
from .outcomes import as_taken

__all__ = ["Admission", "Requests", "admit"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of each write that the clients asked for; rows in the order of their requests.

    Attributes
    ----------
    attempts, outcome, reason
        Attempts made, how it ended (`log.throttling.Written`), and its last throttle (`Throttle`).
    answered_s
        When the client knew; NaN while it still waits, or where the run ends before the answer.
    """

    attempts: npt.NDArray[np.int16]
    outcome: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    answered_s: Floats


@dataclass(frozen=True, slots=True)
class Admission:
    """The table's side of a run.

    Attributes
    ----------
    planned
        What the clients asked for; the instant is NaN of what they did not come to.
    writes
        What the table took, in that order; the same object if it took everything at once.
    rows
        Row in `planned` of each write taken, -1 for the delete of an expired item; None if it took everything at once.
    units
        Write units of each planned write.
    placement
        Where the writes taken went; None if the table has no billing mode: then it follows from the stated splits.
    requests
        What became of each planned write; None if it took everything at once.
    ledger
        The table, second by second; None without a billing mode.
    """

    planned: WriteColumns
    writes: WriteColumns
    rows: Ints | None
    units: npt.NDArray[np.int32]
    placement: Placement | None = None
    requests: Requests | None = None
    ledger: Ledger | None = None


def admit(scenario: Scenario, writes: WriteColumns, streams: RandomStreams) -> Admission:
    """Return what the table takes of what clients ask for.

    Parameters
    ----------
    scenario
        Gives the table and its writer.
    writes
        What the clients intend, in the order of their requests.
    streams
        The run's random streams.

    Notes
    -----
    The units of a write are those of the change that was planned, also where a lost or late write makes it another.
    """
    admission = _take(scenario, writes, streams)
    expiry = scenario.table.time_to_live
    if expiry is None:
        return admission
    all_writes, source = with_expired(scenario, expiry, admission.writes, streams)
    rows = source if admission.rows is None else np.where(source < 0, -1, admission.rows[source])
    placement = admission.placement
    if placement is not None:
        partition = assign_partitions(all_writes.item_id, all_writes.at_s, list(placement.partitions))
        placement = Placement(partition, placement.partitions)
    return replace(admission, writes=all_writes, rows=rows, placement=placement)


def _take(scenario: Scenario, writes: WriteColumns, streams: RandomStreams) -> Admission:
    """Return what the table takes, before anything expires."""
    units = write_units(writes)
    if scenario.table.billing is None:
        if writes.think_s is not None:
            writes = _unhindered(scenario, writes, writes.think_s, streams)
            units = write_units(writes)
        return Admission(writes, writes, None, units)
    if writes.think_s is not None or scenario.writer.policy.adaptive:
        in_turn = TableInTurn(scenario, writes, units, streams)
        in_turn.run()
        sent_s = in_turn.groups.spread(in_turn.sent_s)
        return _settled(in_turn, writes, writes.take(slice(None), at_s=sent_s), units, scenario.length_s)
    load = TableLoad(scenario, writes, units, streams)
    load.run()
    if load.retrying is None:
        return Admission(writes, writes, None, units, load.keys.placement(slice(None)), None, load.ledger)
    return _settled(load, writes, writes, units, scenario.length_s)


def _settled(
    load: TableLoad, writes: WriteColumns, asked: WriteColumns, units: npt.NDArray[np.int32], length_s: float
) -> Admission:
    """Return what a table took that did not take everything at once; `asked` has the instants of the requests."""
    retrying, spread = load.retrying, load.groups.spread
    assert retrying is not None
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
    taken_writes = as_taken(writes, rows, last_s[rows])
    return Admission(asked, taken_writes, rows, units, load.keys.placement(rows), requests, load.ledger)


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
    return as_taken(writes, order[by_time], sent_s[by_time])
