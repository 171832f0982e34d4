"""The story of a small run: what happened, event by event, in plain sentences.

Nothing here is recorded for its own sake: a run leaves writes, pages, attempts and settled ranges, and the story is
read off them afterwards. A lane's story is told batch by batch, in the order of their numbers, which is the order in
which the lane sent them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.events import TooLongAStoryError
from ddbsim.log.outcomes import Settled
from ddbsim.log.sentences import capital, names_of
from ddbsim.record.recording import LaneRecords, Recording
from ddbsim.scenario import EventSourceMapping
from ddbsim.workload import WriteColumns

from .lane_story import LANE, Event, LaneStory, batches_of_lanes
from .stream_log import Attempts, Consumer

__all__ = ["MOST_EVENT_SOURCES", "events"]


#: Writes, reads by mappings and attempts of a run whose story can be told.
MOST_EVENT_SOURCES = 20_000

# at one instant the table comes first, then the stream, the poller, the lanes, and the end
_TABLE, _STREAM, _POLLER, _END = 0, 1, 2, LANE + 1


def events(
    recording: Recording,
    attempts: Attempts,
    writes: WriteColumns,
    no_op: int,
    mappings: Sequence[EventSourceMapping],
    pauses: Sequence[Sequence[tuple[float, float]]],
) -> pd.DataFrame:
    """Return the story of a run: a row per event, by time, causes before what they cause.

    Parameters
    ----------
    recording
        What the run left.
    attempts
        Its attempts, as the other frames use them.
    writes
        What the table got.
    no_op
        The code of a write that changed nothing.
    mappings
        The settings of the mappings, in the order of their numbers.
    pauses
        When each mapping neither polled nor invoked, as (from, to) in seconds.

    Raises
    ------
    TooLongAStoryError
        With more than `MOST_EVENT_SOURCES` writes, records read and attempts in all.
    """
    sources = len(writes.at_s) + len(recording.stream) * len(mappings) + len(attempts.mapping)
    if sources > MOST_EVENT_SOURCES:
        raise TooLongAStoryError(
            f"events tells the story of runs with at most {MOST_EVENT_SOURCES:,} writes, records read and attempts, "
            f"got {sources:,}: simulate a shorter duration_s, or use stream_log and invocations"
        )
    told = [
        *_of_table(writes, no_op, len(recording.stream)),
        *_of_shards(recording),
        *_of_polls(recording, mappings),
        *_of_pauses(pauses, mappings),
        *_of_lanes(recording, attempts, mappings),
        *_of_end(recording, attempts, mappings),
    ]
    told = [event for event in told if event.time_s <= recording.ended_s]
    # the sort is stable: a lane's events keep the order in which they were told
    told.sort(key=lambda event: (event.time_s, event.stage, event.attempt))
    return _frame(told)


def _frame(told: Sequence[Event]) -> pd.DataFrame:
    # an empty column first: of tuples of one length pandas would make a table
    ids = np.empty(len(told), dtype=object)
    for row, event in enumerate(told):
        ids[row] = event.record_ids
    return pd.DataFrame(
        {
            "time_s": np.array([event.time_s for event in told], dtype=np.float64),
            "where": pd.Series([event.where for event in told], dtype="str"),
            "what": pd.Series([event.what for event in told], dtype="str"),
            "record_ids": pd.Series(ids, dtype="object"),
            "sentence": pd.Series([event.sentence for event in told], dtype="str"),
        }
    )


def _of_table(writes: WriteColumns, no_op: int, records: int) -> Iterator[Event]:
    verbs = ("inserted", "changed", "removed")
    record = 0
    for at_s, item, code in zip(writes.at_s.tolist(), writes.item_id.tolist(), writes.operation.tolist(), strict=True):
        ids: tuple[int, ...] = ()
        if code == no_op:
            sentence = f"A write left item {item} as it was: the stream gets no record."
        elif record == records:
            sentence = f"Item {item} was {verbs[code]}: the stream is disabled and gets no record."
        else:
            sentence, ids = f"Item {item} was {verbs[code]}: record {record}.", (record,)
            record += 1
        yield Event(at_s, _TABLE, 0, "table", "write", ids, sentence)


def _of_shards(recording: Recording) -> Iterator[Event]:
    for number, shard in enumerate(recording.stream.shards):
        where = f"shard {number}"
        yield from _of_life(shard, where)
        for at_s, ids in _together(shard.visible_s, shard.record):
            yield Event(at_s, _STREAM, 0, where, "visible", ids, f"{capital(names_of(ids))} can be read on {where}.")


def _of_life(shard: Any, where: str) -> Iterator[Event]:
    if shard.parent >= 0:
        sentence = f"{capital(where)} opened: it goes on from shard {shard.parent}."
        yield Event(shard.opened_s, _TABLE, -1, where, "shard opened", (), sentence)
    if np.isfinite(shard.closed_s):
        sentence = f"{capital(where)} closed: no more records go to it."
        yield Event(shard.closed_s, _TABLE, -2, where, "shard closed", (), sentence)


def _of_polls(recording: Recording, mappings: Sequence[EventSourceMapping]) -> Iterator[Event]:
    # all lanes of a mapping on a shard share one poller
    for lane in {(lane.mapping, lane.shard): lane for lane in recording.lanes}.values():
        shard, label = recording.stream.shards[lane.shard], mappings[lane.mapping].label
        for at_s, ids in _together(lane.polls.read_s(len(shard.record)), shard.record):
            sentence = f"A poll of shard {lane.shard} brought {names_of(ids)}."
            yield Event(at_s, _POLLER, 0, f"{label}, shard {lane.shard}", "poll", ids, sentence)


def _of_pauses(
    pauses: Sequence[Sequence[tuple[float, float]]], mappings: Sequence[EventSourceMapping]
) -> Iterator[Event]:
    for mapping, stretches in zip(mappings, pauses, strict=True):
        where = mapping.label
        for start_s, end_s in stretches:
            sentence = f"{where} neither polls nor invokes: it is not yet there, disabled, or being updated."
            yield Event(start_s, _TABLE, 0, where, "mapping paused", (), sentence)
            yield Event(end_s, _TABLE, 0, where, "mapping resumed", (), f"{where} polls and invokes again.")


def _of_lanes(recording: Recording, attempts: Attempts, mappings: Sequence[EventSourceMapping]) -> Iterator[Event]:
    recorder = recording.recorder
    batches = batches_of_lanes(attempts.column, recorder.settled.arrays(), len(recording.lanes))
    reasons = dict(recorder.reasons_by_row())
    for lane, of_lane in zip(recording.lanes, batches, strict=True):
        if lane.lane < 0:
            yield from _passed_over(recording, lane, mappings[lane.mapping])
        elif of_lane:
            yield from LaneStory(recording, attempts, lane, mappings[lane.mapping], of_lane, reasons).told()


def _passed_over(recording: Recording, lane: LaneRecords, mapping: EventSourceMapping) -> Iterator[Event]:
    """Yield what became of the records of a shard that go to no lane: told with the poll that brought them."""
    column = recording.recorder.settled.arrays()
    shard = recording.stream.shards[lane.shard]
    read_s = lane.polls.read_s(len(shard.record))
    where = f"{mapping.label}, shard {lane.shard}"
    assert lane.positions is not None
    for row in np.flatnonzero(column["lane"] == recording.lanes.index(lane)).tolist():
        positions = np.sort(lane.positions[int(column["first"][row]) : int(column["last"][row])])
        for at_s, ids in _together(read_s[positions], shard.record[positions]):
            if column["outcome"][row] == Settled.SKIPPED:
                sentence = capital(f"{names_of(ids)}: the mapping began behind.")
                yield Event(at_s, _POLLER, 1, where, "skipped", ids, sentence)
                continue
            sees = "it" if len(ids) == 1 else "them"
            sentence = capital(f"{names_of(ids)} {'matches' if len(ids) == 1 else 'match'} no filter: ")
            yield Event(at_s, _POLLER, 1, where, "filtered", ids, f"{sentence}the function never sees {sees}.")


def _of_end(recording: Recording, attempts: Attempts, mappings: Sequence[EventSourceMapping]) -> Iterator[Event]:
    written = recording.stream.written_s < recording.ended_s
    for number, mapping in enumerate(mappings):
        consumer = Consumer(recording, attempts, number)
        waiting = np.flatnonzero((consumer.at_record(consumer.outcome) == Settled.WAITING) & written)
        if len(waiting):
            ids = tuple(waiting.tolist())
            sentence = f"The run ended while {names_of(ids)} {'was' if len(ids) == 1 else 'were'} not yet done."
            yield Event(recording.ended_s, _END, 0, mapping.label, "run ended", ids, sentence)


def _together(
    at_s: npt.NDArray[np.float64], record: npt.NDArray[np.integer[Any]]
) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield each instant with the records that have it; NaN is none."""
    known = ~np.isnan(at_s)
    at_s, record = at_s[known], record[known]
    for ids in np.split(np.arange(len(at_s)), np.flatnonzero(np.diff(at_s)) + 1):
        if len(ids):
            yield float(at_s[ids[0]]), tuple(record[ids].tolist())
