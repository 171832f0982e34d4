"""What a user's own handler met: why it failed, what came twice, what that changed, images that were not there."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.frames import stream_log as _frames
from ddbsim.log.outcomes import Invoked
from ddbsim.log.reasons import Reason, sentence
from ddbsim.log.sentences import count_of
from ddbsim.system.function.snapshot import Snapshot

if TYPE_CHECKING:
    from ddbsim.scenario import EventSourceMapping
    from ddbsim.system.recording import Recording

    from .result import Result

__all__ = ["HandlerReport", "handler_report", "reasons_of"]

_COLUMNS = ("event_source_mapping", "record_id", "deliveries", "outcome", "changes_again")
_WHY = ["error_type", "error_message", "error_line"]
_REASONS = ["event_source_mapping", "function", *_WHY, "invocations", "first_s"]
_MISSING = ["function", "image", "event_name", "cause", "times"]
_OUT_OF_ORDER = ["event_source_mapping", "item_id", "times"]
_MOST_REASONS_TOLD = 5


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HandlerReport:
    """What the handlers of a run met.

    Attributes
    ----------
    frame
        A row per record that a handler got: event_source_mapping, record_id, deliveries, outcome, changes_again
        (whether handing it the record once more, alone, after the run changes its `state`: True means that it is not
        idempotent; None where it came once, or where there is no state or a tumbling window).
    reasons
        event_source_mapping, function, error_type, error_message, error_line, invocations, first_s: why invocations
        failed, the most frequent first, how many did and when the first of them started, seconds.
    missing_images
        function, image, event_name, cause, times: images that a handler asked for and that were not there. The cause
        is "event" where such a change has none (a REMOVE has no NewImage, an INSERT no OldImage), else "view type".
    out_of_order
        event_source_mapping, item_id, times: items of which the handler worked through an older version again after
        a newer one (v2, v1, v2: what fails goes on from there, and what came behind it comes again), and how many such
        versions there were. It is seen how far the handler went through `event["Records"]`, not what it did.
    answers
        function, answer, times: answers that failed nothing and that nobody means.
    states
        By function, a copy of the handler's `state` as the run left it.
    """

    frame: pd.DataFrame
    reasons: pd.DataFrame
    missing_images: pd.DataFrame
    out_of_order: pd.DataFrame
    answers: pd.DataFrame
    states: dict[str, Any]

    @property
    def is_idempotent(self) -> bool:
        """Whether no record that came twice would change the state once more."""
        return not any(self.frame["changes_again"])

    def __str__(self) -> str:
        twice = self.frame[self.frame["deliveries"] > 1]
        tried = [changes for changes in twice["changes_again"] if changes is not None]
        lines = [
            f"{len(self.frame):,} records were handed over, {len(twice):,} of them more than once",
            f"processing one again changes the state for {sum(tried):,} of the {len(tried):,} that could be tried",
            *self._order(),
            *self._why(),
            *self._missing(),
            *(f"{count_of(times, 'answer')} of {name} {what}" for name, what, times in _rows_of(self.answers)),
        ]
        return "\n".join(lines)

    def _order(self) -> Iterator[str]:
        for label, items in self.out_of_order.groupby("event_source_mapping", sort=False).size().items():
            yield (
                f"{label} worked through an older version again after a newer one for {count_of(items, 'item')}: "
                "v2, v1, v2"
            )

    def _why(self) -> Iterator[str]:
        for label, _, *why, count, _ in _rows_of(self.reasons.head(_MOST_REASONS_TOLD)):
            yield f"{label}: {count_of(count, 'invocation')} failed with {sentence(Reason(*why))}"
        if (rest := len(self.reasons) - _MOST_REASONS_TOLD) > 0:
            yield f"{count_of(rest, 'further reason')}: see reasons"

    def _missing(self) -> Iterator[str]:
        images = self.missing_images.groupby(["function", "image", "cause"], sort=False)["times"].sum().reset_index()
        for function, image, cause, times in _rows_of(images):
            if cause == "event":
                kind = "an INSERT" if image == "OldImage" else "a REMOVE"
                yield f"{function} asked {times:,} times for {image} of {kind}, which has none"
            else:
                yield f"{function} asked {times:,} times for {image}, which the view type does not carry"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in str(self).splitlines())
        return lines + self.frame[self.frame["deliveries"] > 1].to_html(index=False, border=0, max_rows=20)


def handler_report(result: Result, recording: Recording) -> HandlerReport:
    """Return what the handlers met; each record that came more than once is handed over once more, alone.

    Parameters
    ----------
    result, recording
        The run. The handlers' states are as before afterwards.
    """
    log = result.stream_log
    mappings = [mapping for mapping in result.scenario.mappings if mapping.function.handler is not None]
    with recording.states.as_left():
        rows = [
            row
            for mapping in mappings
            for row in _rows(log[log["event_source_mapping"] == mapping.label], mapping, recording)
        ]
        states = recording.states.copies()
    return HandlerReport(
        pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"changes_again": "object"}),
        reasons_of(result.invocations, [mapping.label for mapping in mappings]),
        _missing_images(recording),
        _out_of_order(result, recording),
        _answers(recording),
        states,
    )


def reasons_of(invocations: pd.DataFrame, mappings: list[str]) -> pd.DataFrame:
    """Return why the invocations of mappings failed: a row per reason, the most frequent first.

    Returns
    -------
    DataFrame
        As `HandlerReport.reasons`; empty texts where there is no message or line.
    """
    failed = invocations[invocations["event_source_mapping"].isin(mappings) & invocations["error_type"].notna()]
    texts = failed[["event_source_mapping", "function", *_WHY]].astype("str").fillna("")
    grouped = texts.assign(started_s=failed["started_s"]).groupby(list(texts), sort=False)["started_s"]
    counted = grouped.agg(invocations="size", first_s="min").reset_index()
    return counted.sort_values("invocations", ascending=False, kind="stable", ignore_index=True)[_REASONS]


def _missing_images(recording: Recording) -> pd.DataFrame:
    rows = [
        (function, *asked, times)
        for function, notes in recording.handler_notes.items()
        for asked, times in sorted(notes.missing.items())
    ]
    return pd.DataFrame(rows, columns=_MISSING)


def _answers(recording: Recording) -> pd.DataFrame:
    rows = [
        (function, answer, times)
        for function, notes in recording.handler_notes.items()
        for answer, times in sorted(notes.answers.items())
        if times
    ]
    return pd.DataFrame(rows, columns=["function", "answer", "times"])


def _out_of_order(result: Result, recording: Recording) -> pd.DataFrame:
    attempts = _frames.Attempts(recording)
    parts = [
        _older_after_newer(_frames.Consumer(recording, attempts, number)).assign(event_source_mapping=mapping.label)
        for number, mapping in enumerate(result.scenario.mappings)
        if mapping.function.handler is not None
    ]
    return pd.concat(parts, ignore_index=True)[_OUT_OF_ORDER]


def _older_after_newer(consumer: _frames.Consumer) -> pd.DataFrame:
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


def _worked(consumer: _frames.Consumer, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which deliveries the handler worked through: all of a success, of a failure those that it came to."""
    column, worked = consumer.attempts.column, consumer.recording.recorder.worked
    kept: npt.NDArray[np.bool_] = column["outcome"][rows] == Invoked.SUCCESS
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start in starts[~kept[starts]].tolist():
        row = int(rows[start])
        if row in worked and column["outcome"][row] != Invoked.RUNNING:
            kept[start + np.asarray(worked[row], dtype=np.int64)] = True
    return kept


def _rows_of(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*(frame[name].tolist() for name in frame), strict=True)


def _rows(log: pd.DataFrame, mapping: EventSourceMapping, recording: Recording) -> Iterator[tuple[Any, ...]]:
    testable = mapping.function.state is not None and not mapping.tumbling_window_in_seconds
    got = log[log["deliveries"] > 0]
    columns = (got[name].tolist() for name in ("record_id", "deliveries", "outcome"))
    for record, deliveries, outcome in zip(*columns, strict=True):
        changes = None
        if testable and deliveries > 1:
            changes = _changes_again(mapping, recording.event_of(record))
        yield mapping.label, record, deliveries, outcome, changes


def _changes_again(mapping: EventSourceMapping, event: dict[str, Any]) -> bool:
    """Hand an event over once more, and return whether that changes the state, which is put back."""
    from ddbsim.system.function.handler import call_again

    before = Snapshot(mapping.function.state)
    try:
        call_again(mapping, event)
        return before.differs()
    finally:
        before.put_back()
