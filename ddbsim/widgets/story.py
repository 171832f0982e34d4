"""Where the iterator, the checkpoint and the retries of each lane stand after any number of a small run's events."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ddbsim.log.sentences import names_of
from ddbsim.plots.timeline import attempts_of, rows_of

__all__ = ["Story"]

_SENTENCES = 5
_CELL = "text-align:left;padding:0 1.2em 0 0;line-height:1.6"


@dataclass(slots=True)
class _Reader:
    """A mapping on a shard: what its polls brought, and what became of it."""

    read: set[int] = field(default_factory=set)
    settled: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Lane:
    """What a lane has in hand: a batch, its attempts and its retries."""

    batch: tuple[int, ...] = ()
    doing: str = ""
    attempt: int = 0
    retries: int = 0


class Story:
    """A small run, event by event.

    Parameters
    ----------
    events
        `Result.events` of the run.

    Attributes
    ----------
    events
        The same.
    """

    def __init__(self, events: pd.DataFrame) -> None:
        self.events = events.reset_index(drop=True)
        self._rows: list[tuple[str, str, tuple[int, ...]]] = list(
            zip(events["where"], events["what"], events["record_ids"], strict=True)
        )
        ends = [(attempt.where, attempt.ended_s, attempt.outcome) for attempt in attempts_of(events)]
        self._succeeded = {(where, ended_s) for where, ended_s, outcome in ends if outcome == "success"}
        self._lanes = [where for where in rows_of(events) if ", shard " in where]
        several = {_reader_of(where) for where in self._lanes if where != _reader_of(where)}
        self._idle = {where: "" if where in several else "waiting for records" for where in self._lanes}

    def __len__(self) -> int:
        return len(self._rows)

    def positions(self, step: int) -> pd.DataFrame:
        """Return where each reader stands after the first `step` events.

        Parameters
        ----------
        step
            0..len(story).

        Returns
        -------
        DataFrame
            A row per mapping on a shard, or lane of it: reader, iterator (the last record that a poll brought),
            checkpoint (the first record that is not done with), batch (in hand), doing, attempt, retries (used by the
            batch in hand), done, given_up (records). Iterator, checkpoint, done and given_up are the shard's, and
            stand in the row of its reader; the others are a lane's.
        """
        if not 0 <= step <= len(self):
            raise ValueError(f"step must be in 0..{len(self)}, got {step}")
        readers: dict[str, _Reader] = {}
        lanes: dict[str, _Lane] = {where: _Lane(doing=self._idle[where]) for where in self._lanes}
        on_shard: dict[str, list[int]] = {}
        times = self.events["time_s"].tolist()
        for (where, what, ids), time_s in zip(self._rows[:step], times, strict=False):
            if what == "visible":
                on_shard.setdefault(where, []).extend(ids)
            elif where in lanes:
                reader = readers.setdefault(_reader_of(where), _Reader())
                _follow(lanes[where], reader, what, ids, (where, time_s) in self._succeeded)
        rows = [
            self._row(where, lanes[where], readers.get(_reader_of(where), _Reader()), on_shard) for where in self._lanes
        ]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def table(self, step: int) -> str:
        """Return the positions as an HTML table."""
        positions = self.positions(step)
        head = "".join(f"<th scope='col' style='{_CELL}'>{name.replace('_', ' ')}</th>" for name in _COLUMNS)
        rows = "".join(
            f"<tr>{''.join(f'<td style={_CELL!r}>{html.escape(str(value))}</td>' for value in row)}</tr>"
            for row in positions.itertuples(index=False)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def sentences(self, step: int) -> str:
        """Return the last few sentences of the story so far as HTML, the newest first and strong."""
        first = max(step - _SENTENCES, 0)
        rows = [self._told(number, newest=number == step - 1) for number in range(step - 1, first - 1, -1)]
        return f"<ol style='list-style:none;padding:0;margin:0;line-height:1.4'>{''.join(rows)}</ol>"

    def _told(self, number: int, *, newest: bool) -> str:
        event = self.events.iloc[number]
        text = html.escape(f"{event['time_s']:.3f} s, {event['where']}: {event['sentence']}")
        return f"<li style='margin:0'><b>{text}</b></li>" if newest else f"<li style='color:#666;margin:0'>{text}</li>"

    @staticmethod
    def _row(where: str, lane: _Lane, reader: _Reader, on_shard: dict[str, list[int]]) -> tuple[Any, ...]:
        of_reader: tuple[str | int, ...] = ("", "", "", "")
        if where == _reader_of(where):
            visible = on_shard.get(where.rpartition(", ")[2], [])
            open_ = [record for record in visible if record not in reader.settled]
            states = list(reader.settled.values())
            of_reader = (
                names_of((max(reader.read),)) if reader.read else "at the beginning",
                names_of((min(open_),)) if open_ else "all done",
                states.count("done"),
                len(states) - states.count("done") - states.count("filtered"),
            )
        iterator, checkpoint, done, given_up = of_reader
        batch = names_of(lane.batch) if lane.batch else ""
        return where, iterator, checkpoint, batch, lane.doing, lane.attempt or "", lane.retries, done, given_up


_COLUMNS = ["reader", "iterator", "checkpoint", "batch", "doing", "attempt", "retries", "done", "given_up"]


def _reader_of(where: str) -> str:
    """Return the mapping on the shard that a lane belongs to."""
    return where.partition(", lane ")[0]


_SETTLES = {"partial success": "done", "filtered": "filtered", "discarded": "given up", "expired": "expired"}
_DOING = {
    "batch closed": "about to be sent",
    "cold start": "waiting for a new environment",
    "throttled": "throttled, waiting",
    "attempt started": "being processed",
    "retry": "waiting to be sent again",
    "bisected": "split in two",
}


def _follow(lane: _Lane, reader: _Reader, what: str, ids: tuple[int, ...], succeeded: bool) -> None:
    """Move a lane and its reader on by one event."""
    if what == "poll":
        reader.read.update(ids)
    elif what in _SETTLES:
        _settle(lane, reader, ids, _SETTLES[what])
    elif what == "attempt ended":
        lane.doing = "failed"
        if succeeded:
            _settle(lane, reader, ids, "done")
    elif what in _DOING:
        # a half or a rest is a batch of its own, with all its attempts
        if what == "batch closed" or ids != lane.batch:
            lane.attempt, lane.retries = 0, 0
        lane.batch, lane.doing = ids, _DOING[what]
        lane.attempt += what == "attempt started"
        lane.retries += what == "retry"


def _settle(lane: _Lane, reader: _Reader, ids: tuple[int, ...], state: str) -> None:
    reader.settled.update(dict.fromkeys(ids, state))
    left = tuple(record for record in lane.batch if record not in reader.settled)
    if not left:
        lane.batch, lane.attempt, lane.retries = (), 0, 0
        lane.doing = f"{state}: {names_of(ids)}"
