"""The recorded columns as the frames that a user gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import INVOCATION_OUTCOMES, READ_OUTCOMES, RECORD_OUTCOMES, Invoked, Settled
from ddbsim.log.schema import SCHEMA, _objects, categories, code_type, frame
from ddbsim.record.polls import Polls
from ddbsim.record.reads import ShardCalls
from ddbsim.record.recorder import Recorder
from ddbsim.record.recording import Delivered, LaneRecords, Recording
from ddbsim.record.stream import StreamLog

from .ranges import coverage, expand_ranges

__all__ = [
    "Consumer",
    "Names",
    "attempts_frame",
    "discards_frame",
    "latency_parts",
    "read_log",
    "reads_frame",
    "stream_log",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.integer[Any]]


class Names:
    """The names that stand behind the numbers: of mappings, their functions, and shards."""

    def __init__(self, mappings: Sequence[str], functions: Sequence[str], shards: Sequence[str]) -> None:
        self.mappings = list(mappings)
        self.functions = list(dict.fromkeys(functions))
        self.function_of = np.array([self.functions.index(name) for name in functions], dtype=np.int64)
        self.shards = list(shards)


class Attempts:
    """The attempts as arrays, with what holds for the run's end: those that had not ended are running."""

    def __init__(self, recording: Recording) -> None:
        self.column: dict[str, npt.NDArray[Any]] = dict(recording.recorder.attempts.arrays())
        column = self.column
        column["handler_s"] = column["started_s"] + column["init_s"]
        column["ended_s"] = column["handler_s"] + column["duration_s"]
        running = column["ended_s"] > recording.ended_s
        column["outcome"][running] = Invoked.RUNNING
        column["duration_s"][running] = np.nan
        column["ended_s"][running] = np.nan
        self.accepted = (column["outcome"] != Invoked.THROTTLED) & (column["outcome"] != Invoked.TOO_LARGE)
        lanes = recording.lanes
        self.mapping = np.array([lane.mapping for lane in lanes], dtype=np.int64)[column["lane"]]
        self.shard = np.array([lane.shard for lane in lanes], dtype=np.int64)[column["lane"]]
        self.lane = np.array([lane.lane for lane in lanes], dtype=np.int64)[column["lane"]]

    def last_of_batch(self) -> Ints:
        """Return the row of each batch's last accepted attempt."""
        rows = np.flatnonzero(self.accepted)
        batch = self.column["batch"][rows]
        last = np.full(int(batch.max(initial=-1)) + 1, -1, dtype=np.int64)
        last[batch] = rows
        return last


class Consumer:
    """One mapping's view of the stream: which attempt delivered each record first, which settled it.

    Ranges of all its lanes are laid end to end; `record` maps a place there to the record.
    """

    def __init__(self, recording: Recording, attempts: Attempts, mapping: int) -> None:
        self.mapping = mapping
        self.recording = recording
        self.attempts = attempts
        stream = recording.stream
        lanes = [(number, lane) for number, lane in enumerate(recording.lanes) if lane.mapping == mapping]
        parts = [
            stream.shards[lane.shard].record
            if lane.positions is None
            else stream.shards[lane.shard].record[lane.positions]
            for _, lane in lanes
        ]
        self.lanes = [lane for _, lane in lanes]
        self.record: Positions = _joined(parts)
        self.length = len(self.record)
        starts = np.concatenate(([0], np.cumsum([len(part) for part in parts])))[:-1]
        self._start = np.zeros(len(recording.lanes), dtype=np.int64)
        self._start[[number for number, _ in lanes]] = starts
        self._find_rows()

    def _find_rows(self) -> None:
        column = self.attempts.column
        rows, first, last = self._accepted()
        self.root = self._roots(rows, first, last)
        whole = column["outcome"][rows] == Invoked.SUCCESS
        settled = self._settled()
        self.final = expand_ranges(
            np.concatenate((first[whole], settled["first"])),
            np.concatenate((last[whole], settled["last"])),
            np.concatenate((rows[whole], settled["row"])).astype(np.int32),
            self.length,
            -1,
        )
        self.outcome = expand_ranges(
            np.concatenate((first[whole], settled["first"])),
            np.concatenate((last[whole], settled["last"])),
            np.concatenate((np.full(whole.sum(), Settled.PROCESSED, dtype=np.int8), settled["outcome"])),
            self.length,
            np.int8(Settled.WAITING),
        )

    def deliveries(self) -> npt.NDArray[np.int32]:
        """Return how often each place was sent to the function."""
        _, first, last = self._accepted()
        once = int((last - first).sum()) == np.count_nonzero(self.root >= 0)
        # where nothing was sent twice, which is the rule, counting is a comparison
        return (self.root >= 0 if once else coverage(first, last, self.length)).astype(np.int32)

    def _accepted(self) -> tuple[Ints, Ints, Ints]:
        """Return the rows of the attempts that ran, and the places [first, last) that each delivered."""
        column, attempts = self.attempts.column, self.attempts
        rows = np.flatnonzero((attempts.mapping == self.mapping) & attempts.accepted)
        offset = self._start[column["lane"][rows]]
        return rows, column["first"][rows] + offset, column["last"][rows] + offset

    def delivered(self) -> tuple[Ints, Positions]:
        """Return every delivery: the attempt's row, and the record."""
        rows, first, last = self._accepted()
        counts = last - first
        skipped = first - (np.cumsum(counts) - counts)
        return np.repeat(rows, counts), self.record[np.arange(counts.sum()) + np.repeat(skipped, counts)]

    def _roots(self, rows: Ints, first: Ints, last: Ints) -> npt.NDArray[np.int32]:
        """Return, for each place, the row of the attempt that delivered it first."""
        order = np.lexsort((rows, self.attempts.column["lane"][rows]))
        ends = last[order]
        # deliveries of a lane only go forward, except to repeat: a first delivery ends beyond all before it
        beyond = np.maximum.accumulate(ends)
        is_root = np.concatenate(([True], ends[1:] > beyond[:-1])) if len(ends) else np.empty(0, dtype=bool)
        chosen = order[is_root]
        return expand_ranges(first[chosen], last[chosen], rows[chosen].astype(np.int32), self.length, np.int32(-1))

    def _settled(self) -> dict[str, npt.NDArray[Any]]:
        column = dict(self.recording.recorder.settled.arrays())
        lanes = np.array([lane.mapping for lane in self.recording.lanes], dtype=np.int64)
        mine = lanes[column["lane"]] == self.mapping
        offset = self._start[column["lane"][mine]]
        processed = column["outcome"][mine] == Settled.PROCESSED
        row = np.full(int(mine.sum()), -1, dtype=np.int64)
        row[processed] = self.attempts.last_of_batch()[column["batch"][mine][processed]]
        return {
            "first": column["first"][mine] + offset,
            "last": column["last"][mine] + offset,
            "row": row,
            "outcome": column["outcome"][mine],
        }

    def at_record(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values given by place as values by record."""
        out = np.empty(len(self.recording.stream), dtype=values.dtype)
        out[self.record] = values
        return out

    def of_row(self, rows: npt.NDArray[np.int32], name: str) -> Floats:
        """Return a column of the attempts for each place; NaN where there is no attempt."""
        column = self.attempts.column[name]
        if not len(column):
            return np.full(self.length, np.nan)
        values: Floats = column[rows]
        # places without an attempt took row -1; where there are none, two passes over the log are saved
        if rows.min(initial=0) < 0:
            values[rows < 0] = np.nan
        return values

    def lane_places(self) -> Iterator[tuple[LaneRecords, slice]]:
        """Yield each lane with its stretch of places."""
        begin = 0
        for lane in self.lanes:
            shard = self.recording.stream.shards[lane.shard]
            end = begin + len(shard.record if lane.positions is None else lane.positions)
            yield lane, slice(begin, end)
            begin = end

    def polled(self, lane: LaneRecords) -> tuple[Floats, Floats, Floats]:
        """Return when each place of a lane was visible, could first be read, and was read."""
        everything = self.recording.stream.shards[lane.shard].visible_s
        pick = slice(None) if lane.positions is None else lane.positions
        visible, read = everything[pick], lane.polls.read_s(len(everything))[pick]
        # a backlogged poller may have been off its lattice, and earlier
        return visible, np.fmin(lane.polls.first_polls(visible), read), read

    def received_s(self) -> Floats:
        """Return when each place was first handed to the function: the start of its handler."""
        return self.of_row(self.root, "handler_s")

    def completed_s(self) -> Floats:
        """When each place was processed; NaN if it was not."""
        return self.of_row(self.final, "ended_s")


def stream_log(recording: Recording, consumers: Sequence[Consumer], names: Names) -> pd.DataFrame:
    """Return the log: a row per record and consumer."""
    stream = recording.stream
    count, times = len(stream), len(consumers)
    received = [c.at_record(c.received_s()) for c in consumers]
    completed = [c.at_record(c.completed_s()) for c in consumers]
    return frame(
        "stream_log",
        event_source_mapping=categories(
            np.repeat(np.arange(times, dtype=code_type(names.mappings)), count), names.mappings
        ),
        **_contents(stream, times, names),
        received_s=_joined(received),
        completed_s=_joined(completed),
        deliveries=_joined([c.at_record(c.deliveries()) for c in consumers]),
        outcome=categories(_joined([c.at_record(c.outcome) for c in consumers]), RECORD_OUTCOMES),
    )


def read_log(
    stream: StreamLog,
    calls: Sequence[Sequence[ShardCalls]],
    readers: Sequence[str],
    names: Names,
    trimmed_before_s: float,
) -> pd.DataFrame:
    """Return a row per record and reader that is not Lambda.

    Parameters
    ----------
    stream
        The records.
    calls, readers, names
        As of `reads_frame`.
    trimmed_before_s
        What was written before this instant can be read no more when the run ends, seconds.
    """
    count, times = len(stream), len(readers)
    read = [np.empty(count, dtype=np.float64) for _ in readers]
    for read_s, of_reader in zip(read, calls, strict=True):
        for shard, of_shard in zip(stream.shards, of_reader, strict=True):
            read_s[shard.record] = of_shard.read_s()
    joined = _joined(read)
    left = np.where(np.tile(stream.written_s < trimmed_before_s, times), 1, 2)
    return frame(
        "read_log",
        reader=categories(np.repeat(np.arange(times), count), readers),
        **_contents(stream, times, names),
        read_s=joined,
        outcome=categories(np.where(np.isnan(joined), left, 0), READ_OUTCOMES),
    )


def _contents(stream: StreamLog, times: int, names: Names) -> dict[str, Any]:
    """Return the columns that say what the records are, for so many consumers."""
    shard, sequence, visible_s = _placed(stream)

    def each(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if times == 1 else np.tile(values, times)

    return {
        "record_id": each(np.arange(len(stream))),
        "item_id": each(stream.item_id),
        "shard_id": categories(each(shard), names.shards),
        "sequence_number": each(sequence),
        "event_name": categories(each(stream.operation), ("INSERT", "MODIFY", "REMOVE")),
        "written_s": each(stream.written_s),
        "visible_s": each(visible_s),
        "size_bytes": each(stream.size_bytes),
    }


def _joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if not parts:
        return np.empty(0)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _placed(stream: StreamLog) -> tuple[npt.NDArray[Any], Ints, Floats]:
    """Return the shard, the sequence number and the visible instant of each record."""
    count = len(stream)
    shard = np.empty(count, dtype=code_type(stream.shards))
    sequence = np.empty(count, dtype=np.int64)
    visible_s = np.empty(count, dtype=np.float64)
    for number, one in enumerate(stream.shards):
        shard[one.record] = number
        sequence[one.record] = np.arange(one.first_number, one.first_number + len(one.record))
        visible_s[one.record] = one.visible_s
    return shard, sequence, visible_s


def latency_parts(consumers: Sequence[Consumer], names: Names) -> pd.DataFrame:
    """Return where the time of each processed record went; the parts sum to its latency."""
    frames = [_parts_of(consumer, names) for consumer in consumers]
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _parts_of(consumer: Consumer, names: Names) -> pd.DataFrame:
    done = consumer.at_record(consumer.outcome) == Settled.PROCESSED
    everything = bool(done.all())

    def processed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if everything else values[done]

    written = consumer.recording.stream.written_s
    columns = _all_parts(consumer)
    return frame(
        "latency_parts",
        event_source_mapping=categories(
            np.full(int(done.sum()), consumer.mapping, dtype=code_type(names.mappings)), names.mappings
        ),
        record_id=np.flatnonzero(done),
        written_s=processed(written),
        **{name: processed(columns.pop(name)) for name in list(columns)},
    )


def _all_parts(consumer: Consumer) -> dict[str, Floats]:
    """Return each part by record; meaningless where a record was not processed."""
    columns = {column.name: np.full(consumer.length, np.nan) for column in SCHEMA["latency_parts"][3:]}
    if len(consumer.attempts.column["lane"]):
        # lane by lane: what is needed in between is most of the memory, and is let go soon
        for lane, places in consumer.lane_places():
            record = consumer.record[places]
            for name, values in _parts(consumer, lane, places):
                columns[name][record] = values
    return columns


def _parts(consumer: Consumer, lane: LaneRecords, places: slice) -> Iterator[tuple[str, Floats]]:
    """Yield each part of a lane's records by place."""
    attempts, root, final = consumer.attempts.column, consumer.root[places], consumer.final[places]
    written = consumer.recording.stream.written_s[consumer.record[places]]
    visible, offer, read = consumer.polled(lane)
    closed, accepted = attempts["closed_s"][root], attempts["accepted_s"][root]
    ready = np.minimum(np.maximum(np.maximum(read, attempts["ready_s"][root]), offer), closed)
    yield "latency_s", attempts["ended_s"][final] - written
    yield "visibility_s", visible - written
    yield "poll_wait_s", offer - visible
    discovery = until_found(lane.polls, offer, ready)
    yield "discovery_s", discovery
    yield "queue_wait_s", ready - offer - discovery
    yield "window_s", closed - ready
    yield "throttle_s", accepted - closed
    last_accepted = attempts["accepted_s"][final]
    yield "retries_s", last_accepted - accepted
    yield "cold_start_s", attempts["started_s"][final] - last_accepted + attempts["init_s"][final]
    yield "handler_s", attempts["duration_s"][final]


def until_found(polls: Polls, offer: Floats, ready: Floats) -> Floats:
    """Return for how long records that could be read, and were ready later, waited for their shard to be found."""
    if np.isinf(polls.searched_s):
        return np.zeros(len(offer))
    sought_s: Floats = np.minimum(ready, polls.found_s) - np.maximum(offer, polls.searched_s)
    return np.maximum(sought_s, 0.0)


def attempts_frame(recording: Recording, attempts: Attempts, names: Names) -> pd.DataFrame:
    """Return the invocations: a row per attempt."""
    column = attempts.column
    last_written = _last_written(recording, column)
    busy_ms = (column["duration_s"] + column["init_s"]) * 1000.0
    # 1e-6 ms: what is a whole number of milliseconds must not be rounded up for a rounding error
    billed = np.ceil(np.nan_to_num(busy_ms) - 1e-6).astype(np.int64)
    billed[column["outcome"] == Invoked.RUNNING] = 0
    provisioned = np.zeros(len(billed), dtype=bool)
    provisioned[np.array(recording.recorder.provisioned)] = True
    return frame(
        "invocations",
        event_source_mapping=categories(attempts.mapping, names.mappings),
        function=categories(names.function_of[attempts.mapping], names.functions),
        shard_id=categories(attempts.shard, names.shards),
        lane=attempts.lane,
        batch_id=column["batch"],
        attempt=column["attempt"],
        started_s=column["started_s"],
        duration_s=column["duration_s"],
        init_s=column["init_s"],
        billed_ms=billed,
        records=column["last"] - column["first"],
        payload_bytes=column["payload_bytes"],
        iterator_age_s=column["started_s"] - last_written,
        outcome=categories(column["outcome"], INVOCATION_OUTCOMES),
        provisioned=provisioned,
        **_why_failed(recording.recorder, running=column["outcome"] == Invoked.RUNNING),
    )


def _why_failed(recorder: Recorder, running: npt.NDArray[np.bool_]) -> dict[str, pd.Categorical]:
    """Return the columns that tell why attempts failed; of one that had not ended nothing is known."""
    why = np.full(len(running), -1, dtype=np.int64)
    why[np.array(recorder.failed)] = np.array(recorder.why)
    why[running] = -1
    columns = ("error_type", "error_message", "error_line")
    return {name: _named(why, [reason[field] for reason in recorder.reasons]) for field, name in enumerate(columns)}


def _named(why: Ints, texts: Sequence[str]) -> pd.Categorical:
    """Return the text of each reason's number, missing for an empty one."""
    names = list(dict.fromkeys(text for text in texts if text))
    code = {name: number for number, name in enumerate(names)}
    of_reason = np.array([*(code.get(text, -1) for text in texts), -1], dtype=np.int64)
    return categories(of_reason[why], names)


def _last_written(recording: Recording, column: dict[str, npt.NDArray[Any]]) -> Floats:
    """Return when the last record of each attempt's batch was written."""
    last = np.empty(len(column["lane"]), dtype=np.float64)
    order = np.argsort(column["lane"], kind="stable")
    ends = np.cumsum(np.bincount(column["lane"], minlength=len(recording.lanes))).tolist()
    begin = 0
    for lane, end in zip(recording.lanes, ends, strict=True):
        rows = order[begin:end]
        begin = end
        # the call that ends a tumbling window has no records
        last[rows] = np.nan
        rows = rows[column["last"][rows] > column["first"][rows]]
        places = column["last"][rows] - 1
        positions = places if lane.positions is None else lane.positions[places]
        last[rows] = recording.stream.written_s[recording.stream.shards[lane.shard].record[positions]]
    return last


def reads_frame(calls: Sequence[Sequence[ShardCalls]], readers: Sequence[str], names: Names) -> pd.DataFrame:
    """Return a row per reader that is not Lambda, shard, and minute in which it called."""
    parts = [one.by_minute() for of_reader in calls for one in of_reader]
    places = [(reader, shard) for reader, of_reader in enumerate(calls) for shard in range(len(of_reader))]
    rows = np.array([len(part["minute_s"]) for part in parts], dtype=np.int64)
    reader, shard = np.array(places, dtype=np.int64).reshape(-1, 2).T
    columns = ("minute_s", "calls", "throttled", "records", "bytes", "age_max_s")
    return frame(
        "reads",
        reader=categories(np.repeat(reader, rows), readers),
        shard_id=categories(np.repeat(shard, rows), names.shards),
        **{name: _joined([part[name] for part in parts]) for name in columns},
    )


_DESTINATIONS = ("sqs", "sns", "s3")


def discards_frame(
    recording: Recording, names: Names, reasons: Sequence[str], delivered: Sequence[Delivered]
) -> pd.DataFrame:
    """Return what was given up, a row per discarded batch, with what its destination got."""
    column = recording.recorder.settled.arrays()
    rows = np.flatnonzero((column["outcome"] == Settled.DISCARDED) | (column["outcome"] == Settled.EXPIRED))
    column = {name: values[rows] for name, values in column.items()}
    lanes = [recording.lanes[number] for number in column["lane"].tolist()]

    def sequence(places: Any) -> list[int]:
        """Return the sequence numbers at places of lanes; 0 for a call that had no records."""
        return [
            int(place if lane.positions is None else lane.positions[place])
            + recording.stream.shards[lane.shard].first_number
            if held
            else 0
            for lane, place, held in zip(
                lanes, places.tolist(), (column["last"] > column["first"]).tolist(), strict=True
            )
        ]

    mapping = np.array([lane.mapping for lane in lanes], dtype=np.int64)
    return frame(
        "discards",
        event_source_mapping=categories(mapping, names.mappings),
        function=categories(names.function_of[mapping], names.functions),
        shard_id=categories(np.array([lane.shard for lane in lanes], dtype=np.int64), names.shards),
        batch_id=column["batch"],
        discarded_s=column["at_s"],
        condition=categories(column["reason"], reasons),
        records=column["last"] - column["first"],
        first_sequence_number=sequence(column["first"]),
        last_sequence_number=sequence(column["last"] - 1),
        approximate_invoke_count=column["invokes"],
        destination=categories(
            np.array([_DESTINATIONS.index(one.kind) if one.kind else -1 for one in delivered], dtype=np.int8),
            _DESTINATIONS,
        ),
        delivered=np.array([one.arrived for one in delivered], dtype=np.bool_),
        document=_objects([one.document for one in delivered]),
        object_key=_objects([one.object_key for one in delivered]),
    )
