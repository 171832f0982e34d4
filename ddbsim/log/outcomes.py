"""How an invocation can end, and in which state a record can be when the run is over."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DISCARD_CONDITIONS",
    "FAILED",
    "INVOCATION_OUTCOMES",
    "NOT_RUN",
    "RECORD_OUTCOMES",
    "Discarded",
    "Invoked",
    "Settled",
]


class Invoked:
    """Codes of `invocations.outcome`."""

    SUCCESS: Final = 0
    PARTIAL: Final = 1
    ERROR: Final = 2
    TIMEOUT: Final = 3
    THROTTLED: Final = 4
    RUNNING: Final = 5
    OUT_OF_MEMORY: Final = 6
    TOO_LARGE: Final = 7


INVOCATION_OUTCOMES: Final = (
    "success",
    "partial",
    "error",
    "timeout",
    "throttled",
    "running",
    "out_of_memory",
    "too_large",
)
# what CloudWatch counts as Errors
FAILED: Final = ("error", "timeout", "out_of_memory")
# refused, or an event over 6 MB: the handler never saw it, and nothing is billed
NOT_RUN: Final = ("throttled", "too_large")


class Settled:
    """Codes of `stream_log.outcome`."""

    WAITING: Final = 0
    PROCESSED: Final = 1
    FILTERED: Final = 2
    DISCARDED: Final = 3
    EXPIRED: Final = 4
    SKIPPED: Final = 5


RECORD_OUTCOMES: Final = ("waiting", "processed", "filtered", "discarded", "expired", "skipped")


class Discarded:
    """Codes of `discards.condition`."""

    NONE: Final = 0
    ATTEMPTS: Final = 1
    AGE: Final = 2
    RETENTION: Final = 3


# the last is no condition of AWS's: what the stream's retention trims leaves no document
DISCARD_CONDITIONS: Final = ("", "RetryAttemptsExhausted", "RecordAgeExceeded", "TrimmedByRetention")
