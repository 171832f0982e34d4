"""From what clients ask of a table to what it takes, before the stream begins: the stream does not act on writes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import Written
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario
from ddbsim.system.partitions import Placement
from ddbsim.system.units import write_units
from ddbsim.workload import WriteColumns

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
        When the client knew; NaN while it still waits.
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
        What the clients asked for.
    writes
        What the table took, in that order; the same object if it took everything at once.
    rows
        Row in `planned` of each write taken; None if it took everything at once.
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
    units = write_units(writes)
    if scenario.table.billing is None:
        return Admission(writes, writes, None, units)
    load = TableLoad(scenario, writes, units, streams)
    load.run()
    if load.retrying is None:
        return Admission(writes, writes, None, units, load.keys.placement(slice(None)), None, load.ledger)
    retrying, spread = load.retrying, load.groups.spread
    outcome, last_s = spread(retrying.outcome), spread(retrying.last_s)
    taken = np.flatnonzero(outcome == Written.ADMITTED)
    rows = taken[np.argsort(last_s[taken], kind="stable")]
    requests = Requests(
        attempts=spread(retrying.attempts),
        outcome=outcome,
        reason=spread(retrying.reason),
        answered_s=np.where(outcome == Written.WAITING, np.nan, last_s + spread(retrying.latency_s)),
    )
    taken_writes = as_taken(writes, rows, last_s[rows])
    return Admission(writes, taken_writes, rows, units, load.keys.placement(rows), requests, load.ledger)
