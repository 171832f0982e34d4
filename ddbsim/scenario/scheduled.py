"""What a scenario plans for a stated instant: nothing may lie after the end of the run, where it would not happen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .mapping import EventSourceMapping
from .table import Stream, Table

__all__ = ["check_scheduled", "without_what_comes_later"]

T = TypeVar("T")


def check_scheduled(length_s: float, table: Table, stream: Stream, mappings: Sequence[EventSourceMapping]) -> None:
    """Raise ValueError for the first thing that is planned for the end of the run, seconds, or later."""
    for where, what, at_s in _planned(table, stream, mappings):
        if at_s >= length_s:
            raise ValueError(
                f"{where} must be within the run, before duration_s ({length_s:g}): "
                f"{what} at {at_s:g} s would never happen"
            )


def without_what_comes_later(
    end_s: float, table: Table, stream: Stream, mappings: Sequence[EventSourceMapping]
) -> dict[str, Any]:
    """Return the fields of a scenario that is to end at `end_s`, without what it plans for later."""
    return {
        "table": replace(
            table,
            splits=_before(end_s, table.stated_splits, "at_s"),
            billing_switches=_before(end_s, table.stated_switches, "at_s"),
        ),
        "stream": stream if _is_before(stream.disabled_s, end_s) else replace(stream, disabled_s=None),
        "event_source_mappings": tuple(_cut(mapping, end_s) for mapping in mappings),
    }


def _planned(table: Table, stream: Stream, mappings: Sequence[EventSourceMapping]) -> Iterator[tuple[str, str, float]]:
    """Yield where each planned event stands, what it is and when it is to begin."""
    yield from (("Table.splits", "a split", split.at_s) for split in table.stated_splits)
    yield from (("Table.billing_switches", "a switch", switch.at_s) for switch in table.stated_switches)
    if stream.disabled_s is not None:
        yield "Stream.disabled_s", "the end of the stream", stream.disabled_s
    for mapping in mappings:
        where = f"EventSourceMapping {mapping.label!r}"
        if mapping.created_s is not None:
            yield f"{where}: created_s", "its creation", mapping.created_s
        yield from ((f"{where}: suspensions", "a suspension", one.start_s) for one in mapping.planned_suspensions)
        name = mapping.function.name
        windows = mapping.function.failures.windows
        yield from ((f"Function {name!r}: Failures.outages", "an outage", one.start_s) for one in windows)


def _cut(mapping: EventSourceMapping, end_s: float) -> EventSourceMapping:
    failures = mapping.function.failures
    kept = replace(failures, outages=_before(end_s, failures.windows, "start_s"))
    # a mapping that is created later has to be created, and may do nothing
    created_s = mapping.created_s if _is_before(mapping.created_s, end_s) else math.nextafter(end_s, 0.0)
    return replace(
        mapping,
        function=mapping.function if kept == failures else replace(mapping.function, failures=kept),
        created_s=created_s,
        suspensions=_before(end_s, mapping.planned_suspensions, "start_s"),
    )


def _before(end_s: float, planned: tuple[T, ...], field: str) -> tuple[T, ...]:
    return tuple(one for one in planned if getattr(one, field) < end_s)


def _is_before(at_s: float | None, end_s: float) -> bool:
    return at_s is None or at_s < end_s
