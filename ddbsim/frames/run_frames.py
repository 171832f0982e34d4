"""Every frame of a run by its name, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.reasons import reasons_of
from ddbsim.items import Change
from ddbsim.log.outcomes import DISCARD_CONDITIONS
from ddbsim.log.schema import categories, empty, frame
from ddbsim.record.reads import ShardCalls
from ddbsim.record.recording import Delivered, HandlersMet, Recording
from ddbsim.record.table import Admission
from ddbsim.scenario import Scenario
from ddbsim.workload import NO_OP, OPERATIONS, WRITE_KINDS

from . import stream_log as _log
from . import table as _table
from .handlers import came_twice, handed_over, out_of_order, times_of
from .mapping_metrics import mapping_metrics
from .metrics import metrics
from .read_backs import Refused, minute_reads, read_backs
from .story import events
from .waiting import waiting_parts

__all__ = ["Deferred", "RunFrames"]

Ints = npt.NDArray[np.int64]

# without a row where there is no mapping, or no other reader
_OF_READERS = ("reads", "read_log")
_OF_MAPPINGS = ("stream_log", "invocations", "discards", "latency_parts", "waiting_parts", "read_backs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """What no run depends on, and is worked out once a frame asks for it.

    Attributes
    ----------
    deliveries
        What became of each range of records that was given up.
    other_reads
        The calls of readers that are not Lambda: of each reader on each shard.
    refused_reads
        Why the table refused read-backs.
    pauses
        When each mapping neither polled nor invoked, seconds.
    handlers_met
        What the handlers met, given the records that came more than once by mapping.
    """

    deliveries: Callable[[], Sequence[Delivered]]
    other_reads: Callable[[], Sequence[Sequence[ShardCalls]]]
    refused_reads: Refused
    pauses: Callable[[], Sequence[Sequence[tuple[float, float]]]]
    handlers_met: Callable[[dict[str, Ints]], HandlersMet]


class RunFrames:
    """Makes the frames of a finished run.

    Parameters
    ----------
    scenario
        What was simulated.
    admission, recording
        What the run left.
    deferred
        What follows from it.
    """

    def __init__(self, scenario: Scenario, admission: Admission, recording: Recording, deferred: Deferred) -> None:
        self._admission, self._scenario = admission, scenario
        self._recording, self._deferred = recording, deferred
        self._names = _log.Names(
            [mapping.label for mapping in scenario.mappings],
            [mapping.function.name for mapping in scenario.mappings],
            [shard.name for shard in recording.stream.shards],
        )
        self._made: dict[str, pd.DataFrame] = {}
        self._makers: dict[str, Callable[[], pd.DataFrame]] = {
            "stream_log": self._stream_log,
            "invocations": lambda: _log.attempts_frame(recording, self._attempts, self._names),
            "writes": lambda: _table.writes_frame(admission, recording.stream.partition, OPERATIONS, WRITE_KINDS),
            "shards": self._shards,
            "discards": lambda: _log.discards_frame(recording, self._names, DISCARD_CONDITIONS, deferred.deliveries()),
            "metrics": self._metrics,
            "reads": lambda: _log.reads_frame(self._other_reads, self._readers, self._names),
            "read_log": self._read_log,
            "latency_parts": lambda: _log.latency_parts(self._consumers, self._names),
            "waiting_parts": lambda: waiting_parts(self._consumers, self._names),
            "read_backs": self._read_backs,
            "table_load": lambda: _table.table_load_frame(admission, self("writes"), recording.ended_s),
            "index_load": lambda: _table.index_load_frame(admission, [one.name for one in scenario.table.indexes]),
            "partition_load": lambda: _table.partition_load_frame(
                admission, self("writes"), recording.ended_s, scenario.length_s
            ),
            "partitions": lambda: _table.partitions_frame(recording.stream.partitions, recording.ended_s),
            "scaling": lambda: _table.scaling_frame(admission),
        }

    def __call__(self, name: str) -> pd.DataFrame:
        """Return a frame, made once: some are made from others."""
        if name not in self._made:
            by_none = (name in _OF_MAPPINGS and not self._names.mappings) or (name in _OF_READERS and not self._readers)
            self._made[name] = empty(name) if by_none else self._makers[name]()
        return self._made[name]

    def events(self) -> pd.DataFrame:
        """Return the story of the run."""
        mappings, pauses = self._scenario.mappings, self._deferred.pauses()
        return events(self._recording, self._attempts, self._admission.writes, NO_OP, mappings, pauses)

    def changes(self) -> tuple[Change, ...] | None:
        """Return what each write that the table took did to its item; None without real items."""
        return self._admission.writes.changes

    def of_handlers(self) -> dict[str, Any]:
        """Return the parts of a `HandlerReport` by name.

        Raises
        ------
        ValueError
            If no function of the run has a handler.
        """
        labels = [mapping.label for mapping in self._scenario.mappings if mapping.function.handler is not None]
        if not labels:
            raise ValueError("handler_report needs a Function(handler=...), and no function of this run has one")
        log = self("stream_log")
        met = self._deferred.handlers_met(came_twice(log))
        return {
            "frame": handed_over(log, labels, met),
            "reasons": reasons_of(self("invocations"), labels),
            "missing_images": times_of(met.missing, ["image", "event_name", "cause"]),
            "out_of_order": out_of_order(self._consumers, self._scenario.mappings),
            "answers": times_of(met.answers, ["answer"]),
            "states": met.states,
        }

    @property
    def _partial(self) -> bool:
        return self._recording.ended_s < self._scenario.length_s

    @property
    def _readers(self) -> list[str]:
        return [reader.name for reader in self._scenario.other_readers]

    @cached_property
    def _attempts(self) -> _log.Attempts:
        return _log.Attempts(self._recording)

    @cached_property
    def _consumers(self) -> list[_log.Consumer]:
        return [_log.Consumer(self._recording, self._attempts, n) for n in range(len(self._names.mappings))]

    @cached_property
    def _other_reads(self) -> Sequence[Sequence[ShardCalls]]:
        return self._deferred.other_reads()

    def _stream_log(self) -> pd.DataFrame:
        log = _log.stream_log(self._recording, self._consumers, self._names)
        if self._partial:
            # the environment of a handler that is to start later still initializes
            log["received_s"] = log["received_s"].where(log["received_s"] < self._recording.ended_s)
        return log

    def _shards(self) -> pd.DataFrame:
        stream = self._recording.stream
        return frame(
            "shards",
            shard_id=categories(np.arange(len(stream.shards)), self._names.shards),
            partition=[shard.partition for shard in stream.shards],
            records=[len(shard.record) for shard in stream.shards],
            bytes=[int(stream.size_bytes[shard.record].sum()) for shard in stream.shards],
            parent_shard_id=categories(np.array([shard.parent for shard in stream.shards]), self._names.shards),
            opened_s=[shard.opened_s for shard in stream.shards],
            closed_s=[np.nan if np.isinf(shard.closed_s) else shard.closed_s for shard in stream.shards],
            first_sequence_number=[shard.first_number for shard in stream.shards],
        )

    def _read_backs(self) -> pd.DataFrame:
        made = read_backs(
            self._scenario, self._admission.writes, self._consumers, self._names, self._deferred.refused_reads
        )
        if self._partial:
            made = made[made["started_s"] < self._recording.ended_s].reset_index(drop=True)
        return made

    def _metrics(self) -> pd.DataFrame:
        ended_s, recording = self._recording.ended_s, self._recording
        minutes = max(1, int(np.ceil(ended_s / 60.0)))
        invocations, discards = self("invocations"), self("discards")
        of_mappings = [
            mapping_metrics(
                number,
                recording.lanes,
                recording.recorder,
                invocations[invocations["event_source_mapping"] == name],
                discards[discards["event_source_mapping"] == name],
                minutes,
            )
            for number, name in enumerate(self._names.mappings)
        ]
        table = _table.minute_sums(self._admission, minutes) | minute_reads(self("read_backs"), minutes)
        return metrics(invocations, self("writes"), self._names.mappings, ended_s, table, of_mappings)

    def _read_log(self) -> pd.DataFrame:
        recording, retention_s = self._recording, self._scenario.stream.retention_s
        return _log.read_log(
            recording.stream, self._other_reads, self._readers, self._names, recording.ended_s - retention_s
        )
