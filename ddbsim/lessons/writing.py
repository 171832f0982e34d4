"""What a write leaves in the stream: no record where nothing changed, and a REMOVE where an item expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ddbsim.workload import INSERT, REMOVE, SINGLE, TTL, ItemWrites, ReplayWrites, WriteColumns

from .classroom import GUIDE, STREAMS, mapping, scenario
from .lesson import Finding, Lesson

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["LESSONS"]

# the same profile again and again: only the first put and the change at 5 s change anything
_PUTS = [(float(at_s), "put", {"pk": "u1", "plan": "free" if at_s < 5 else "paid"}) for at_s in range(10)]


def _no_ops(result: Result) -> list[Finding]:
    writes, log = result.writes, result.stream_log
    idle = int((writes["operation"].astype(str) == "NO_OP").sum())
    return [
        Finding(
            "Writes that change nothing make no record.",
            f"{len(writes)} writes, {idle} without a change, {len(log)} records",
            len(log) == len(writes) - idle and idle > 0,
        ),
        Finding(
            "They are paid for all the same.",
            f"{int(writes['write_units'].sum())} write units for {len(writes)} writes",
            int(writes["write_units"].sum()) == len(writes),
        ),
    ]


def _sessions() -> WriteColumns:
    """Return ten sessions that are put, and expire: the scanner finds them in two sweeps, long after their time."""
    put_s, swept_s = np.arange(10) * 0.5, np.repeat([40.0, 55.0], 5)
    size, none = np.full(10, 300, dtype=np.int32), np.zeros(10, dtype=np.int32)
    return WriteColumns(
        at_s=np.concatenate([put_s, swept_s]),
        item_id=np.tile(np.arange(10), 2),
        operation=np.repeat([INSERT, REMOVE], 10).astype(np.int8),
        bytes_before=np.concatenate([none, size]),
        bytes_after=np.concatenate([size, none]),
        key_bytes=36,
        kind=np.repeat([SINGLE, TTL], 10).astype(np.int8),
    )


def _expired_units(result: Result) -> int:
    writes = result.writes
    return int(writes.loc[writes["kind"].astype(str) == "ttl", "write_units"].sum())


def _expiries(result: Result) -> list[Finding]:
    removed = result.stream_log[result.stream_log["event_name"].astype(str) == "REMOVE"]
    expired = int((result.writes["kind"].astype(str) == "ttl").sum())
    done = int((removed["outcome"].astype(str) == "processed").sum())
    return [
        Finding(
            "Each expired item makes a REMOVE, and the function gets it.",
            f"{expired} items expired, {len(removed)} REMOVE records, {done} processed",
            len(removed) == expired == done,
        ),
        Finding(
            "They come in bursts, when the scanner passes by.",
            f"{len(removed)} records at {removed['written_s'].nunique()} instants",
            removed["written_s"].nunique() < len(removed) / 2,
        ),
        Finding(
            "The table charges no write unit for them.",
            f"{_expired_units(result)} write units for {expired} expired items",
            _expired_units(result) == 0,
        ),
    ]


LESSONS = (
    Lesson(
        name="no_op_writes",
        claim="The stream records changes, not writes: a write that leaves its item as it was makes no record, and "
        "costs its write units all the same.",
        prediction="Ten puts are made. How many records does the stream get?",
        belief=10,
        hint="Eight of the ten put what is there already: compare result.writes and result.stream_log.",
        source=STREAMS,
        scenario=scenario("no-op writes", ItemWrites(_PUTS), mapping(), duration_s=15),
        decide=_no_ops,
        answer=lambda result: len(result.stream_log),
    ),
    Lesson(
        name="ttl_deletes",
        claim="An item that expires is deleted later, by a scanner: the stream gets an ordinary REMOVE that only its "
        "userIdentity tells from a user's delete, and the table charges nothing for it.",
        prediction="Ten sessions of 300 bytes expire. How many write units do their deletes cost?",
        belief=10,
        hint="Look at kind and write_units in result.writes.",
        source=f"{GUIDE}/TTL.html",
        scenario=scenario("time to live", ReplayWrites(columns=_sessions()), mapping(), duration_s=70),
        decide=_expiries,
        answer=_expired_units,
    ),
)
