"""How an invocation can end, and in which state a record can be when the run is over."""

from __future__ import annotations

from typing import Final

__all__ = ["DISCARD_CONDITIONS", "INVOCATION_OUTCOMES", "RECORD_OUTCOMES", "Discarded", "Invoked", "Settled"]


class Invoked:
    """Codes of `invocations.outcome`."""

    SUCCESS: Final = 0
    PARTIAL: Final = 1
    ERROR: Final = 2
    TIMEOUT: Final = 3
    THROTTLED: Final = 4
    RUNNING: Final = 5


INVOCATION_OUTCOMES: Final = ("success", "partial", "error", "timeout", "throttled", "running")


class Settled:
    """Codes of `stream_log.outcome`."""

    WAITING: Final = 0
    PROCESSED: Final = 1
    FILTERED: Final = 2
    DISCARDED: Final = 3
    EXPIRED: Final = 4


RECORD_OUTCOMES: Final = ("waiting", "processed", "filtered", "discarded", "expired")


class Discarded:
    """Codes of `discards.condition`."""

    NONE: Final = 0
    ATTEMPTS: Final = 1
    AGE: Final = 2
    RETENTION: Final = 3


# the last is no condition of AWS's: what the stream's retention trims leaves no document
DISCARD_CONDITIONS: Final = ("", "RetryAttemptsExhausted", "RecordAgeExceeded", "TrimmedByRetention")
