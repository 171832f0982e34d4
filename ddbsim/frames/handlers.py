"""What the handlers of a run met, as frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import Invoked
from ddbsim.record.recording import HandlersMet
from ddbsim.scenario import EventSourceMapping

from .stream_log import Consumer

__all__ = ["came_twice", "handed_over", "out_of_order", "times_of"]

Ints = npt.NDArray[np.int64]

_HANDED_OVER = ("event_source_mapping", "record_id", "deliveries", "outcome", "changes_again")
_OUT_OF_ORDER = ["event_source_mapping", "item_id", "times"]


def came_twice(stream_log: pd.DataFrame) -> dict[str, Ints]:
    """Return the records that were delivered more than once, by mapping."""
    twice = stream_log[stream_log["deliveries"] > 1]
    return {
        str(name): rows.to_numpy() for name, rows in twice.groupby("event_source_mapping", observed=True)["record_id"]
    }


def handed_over(stream_log: pd.DataFrame, mappings: Sequence[str], met: HandlersMet) -> pd.DataFrame:
    """Return a row per record that a handler got: event_source_mapping, record_id, deliveries, outcome, changes_again.

    Parameters
    ----------
    stream_log
        The frame of the run.
    mappings
        Those whose functions have handlers.
    met
        What they met.
    """
    rows: list[tuple[Any, ...]] = []
    for label in mappings:
        got = stream_log[(stream_log["event_source_mapping"] == label) & (stream_log["deliveries"] > 0)]
        columns = (got[name].tolist() for name in ("record_id", "deliveries", "outcome"))
        rows += [
            (label, record, deliveries, outcome, met.changes_again.get((label, record)))
            for record, deliveries, outcome in zip(*columns, strict=True)
        ]
    return pd.DataFrame(rows, columns=list(_HANDED_OVER)).astype({"changes_again": "object"})


def times_of(counted: Mapping[str, Mapping[Any, int]], names: Sequence[str]) -> pd.DataFrame:
    """Return a row per function and what was counted of it, with its number.

    Parameters
    ----------
    counted
        By function, by what: a tuple, or a text.
    names
        The columns between "function" and "times".
    """
    return pd.DataFrame(_counted(counted), columns=["function", *names, "times"])


def _counted(counted: Mapping[str, Mapping[Any, int]]) -> Iterator[tuple[Any, ...]]:
    for function, numbers in counted.items():
        for what, times in sorted(numbers.items()):
            if times:
                yield function, *(what if isinstance(what, tuple) else (what,)), times


def out_of_order(consumers: Sequence[Consumer], mappings: Sequence[EventSourceMapping]) -> pd.DataFrame:
    """Return, by mapping and item, how many versions its handler worked through after a newer one."""
    parts = [
        _older_after_newer(consumer).assign(event_source_mapping=mapping.label)
        for consumer, mapping in zip(consumers, mappings, strict=True)
        if mapping.function.handler is not None
    ]
    return pd.concat(parts, ignore_index=True)[_OUT_OF_ORDER]


def _older_after_newer(consumer: Consumer) -> pd.DataFrame:
    """Return, by item, how many of its versions were worked through after a newer one had been."""
    rows, records = consumer.delivered()
    kept = _worked(consumer, rows)
    rows, records = rows[kept], records[kept]
    item = consumer.recording.stream.item_id[records]
    order = np.lexsort((np.arange(len(rows)), consumer.attempts.column["handler_s"][rows], item))
    item, records = item[order], records[order].astype(np.int64)
    # one running maximum for all items: each begins above all records of the one before
    base = np.concatenate(([0], np.cumsum(np.diff(item) != 0)))[: len(item)] * len(consumer.recording.stream)
    newest = np.maximum.accumulate(base + records)
    late = base + records < newest
    items, times = np.unique(item[late], return_counts=True)
    return pd.DataFrame({"item_id": items, "times": times})


def _worked(consumer: Consumer, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which deliveries the handler worked through: all of a success, of a failure those that it came to."""
    column, worked = consumer.attempts.column, consumer.recording.recorder.worked
    kept: npt.NDArray[np.bool_] = column["outcome"][rows] == Invoked.SUCCESS
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start in starts[~kept[starts]].tolist():
        row = int(rows[start])
        if row in worked and column["outcome"][row] != Invoked.RUNNING:
            kept[start + np.asarray(worked[row], dtype=np.int64)] = True
    return kept
