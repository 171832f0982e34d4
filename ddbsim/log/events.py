"""TODO."""

from __future__ import annotations

from typing import Final

__all__ = ["EVENTS", "TooLongAStoryError"]


#: The values of `events.what`, in the order in which they can follow each other.
EVENTS: Final = (
    "shard closed",
    "shard opened",
    "write",
    "visible",
    "poll",
    "skipped",
    "filtered",
    "mapping paused",
    "mapping resumed",
    "window ended",
    "batch closed",
    "throttled",
    "cold start",
    "attempt started",
    "attempt ended",
    "partial success",
    "retry",
    "bisected",
    "discarded",
    "expired",
    "run ended",
)


class TooLongAStoryError(ValueError):
    """The run has more events than anybody reads."""
