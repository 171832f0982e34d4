"""How an invocation can end, and in which state a record can be when the run is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DISCARD_CONDITIONS",
    "ERRORS",
    "FAILED",
    "FAILED_INVOKES",
    "INVOCATION_OUTCOMES",
    "LOST",
    "NOT_RUN",
    "READ_OUTCOMES",
    "RECORD_OUTCOMES",
    "Discarded",
    "Invoked",
    "Settled",
    "errors",
    "failed",
    "lost",
    "ran",
    "throttled",
    "too_large",
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
# what CloudWatch counts as Errors of the function
ERRORS: Final = ("error", "timeout", "out_of_memory")
# a failed invocation is one after which records are sent again: an answer that names failed records, too, though
# CloudWatch counts it as no error
FAILED: Final = (*ERRORS, "partial")
# refused, or an event over 6 MB: the handler never saw it, and nothing is billed. An attempt that is none of these ran
NOT_RUN: Final = ("throttled", "too_large")
# what the mapping's FailedInvokeEventCount counts: every attempt after which records are sent again or given up
FAILED_INVOKES: Final = (*FAILED, *NOT_RUN)


class Settled:
    """Codes of `stream_log.outcome`."""

    WAITING: Final = 0
    PROCESSED: Final = 1
    FILTERED: Final = 2
    DISCARDED: Final = 3
    EXPIRED: Final = 4
    SKIPPED: Final = 5


RECORD_OUTCOMES: Final = ("waiting", "processed", "filtered", "discarded", "expired", "skipped")
# given up by the mapping, or trimmed by the stream before they were processed
LOST: Final = ("discarded", "expired")
# of a reader that is not Lambda: what it read, what the stream trimmed before it did, and what it may still read
READ_OUTCOMES: Final = ("read", "expired", "waiting")


class Discarded:
    """Codes of `discards.condition`."""

    NONE: Final = 0
    ATTEMPTS: Final = 1
    AGE: Final = 2
    RETENTION: Final = 3


# the last is no condition of AWS's: what the stream's retention trims leaves no document
DISCARD_CONDITIONS: Final = ("", "RetryAttemptsExhausted", "RecordAgeExceeded", "TrimmedByRetention")


def ran(invocations: pd.DataFrame) -> pd.Series[bool]:
    """Return which attempts ran: the handler was called, successful or not."""
    return ~invocations["outcome"].isin(NOT_RUN)


def errors(invocations: pd.DataFrame) -> pd.Series[bool]:
    """Return which attempts CloudWatch counts as Errors: those that raised, timed out or ran out of memory."""
    return invocations["outcome"].isin(ERRORS)


def failed(invocations: pd.DataFrame) -> pd.Series[bool]:
    """Return which attempts ran and failed, wholly or in part."""
    return invocations["outcome"].isin(FAILED)


def throttled(invocations: pd.DataFrame) -> pd.Series[bool]:
    """Return which attempts were refused for want of concurrency."""
    return invocations["outcome"] == "throttled"


def too_large(invocations: pd.DataFrame) -> pd.Series[bool]:
    """Return which attempts had an event over 6 MB, and so were never made."""
    return invocations["outcome"] == "too_large"


def lost(stream_log: pd.DataFrame) -> pd.Series[bool]:
    """Return which records were given up or expired."""
    return stream_log["outcome"].isin(LOST)
