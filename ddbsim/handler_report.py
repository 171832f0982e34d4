"""What a user's own handler met: records that came twice, what that changed, and images that were not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from .snapshot import Snapshot

if TYPE_CHECKING:
    from .result import Result
    from .scenario import EventSourceMapping
    from .system.recording import Recording

__all__ = ["HandlerReport", "handler_report"]

_COLUMNS = ("event_source_mapping", "record_id", "deliveries", "outcome", "changes_again")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HandlerReport:
    """What the handlers of a run met.

    Attributes
    ----------
    frame
        A row per record that a handler got: event_source_mapping, record_id, deliveries, outcome, changes_again
        (whether handing it the record once more, alone, after the run changes its `state`: True means that it is not
        idempotent; None where it came once, or where there is no state or a tumbling window).
    missing_images
        function, image, times: images that a handler asked for and that the stream's view type does not carry.
    """

    frame: pd.DataFrame
    missing_images: pd.DataFrame

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
        ]
        columns = (self.missing_images[name].tolist() for name in ("function", "image", "times"))
        for function, image, times in zip(*columns, strict=True):
            lines.append(f"{function} asked {times:,} times for {image}, which the view type does not carry")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        import html

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
    rows = [
        row
        for mapping in result.scenario.mappings
        if mapping.function.handler is not None
        for row in _rows(log[log["event_source_mapping"] == mapping.label], mapping, recording)
    ]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"changes_again": "object"})
    missing = [
        (function, image, times)
        for function, images in recording.missing_images.items()
        for image, times in sorted(images.items())
    ]
    return HandlerReport(frame, pd.DataFrame(missing, columns=["function", "image", "times"]))


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
    from .system.handler import call_again

    before = Snapshot(mapping.function.state)
    call_again(mapping, event)
    changed = before.differs()
    before.put_back()
    return changed
