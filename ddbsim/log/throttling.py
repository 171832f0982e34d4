"""How a write can end for its client, and why the table refused an attempt, in AWS's words."""

from __future__ import annotations

from typing import Final

__all__ = ["READ_THROTTLE_REASONS", "THROTTLE_REASONS", "WRITE_OUTCOMES", "Throttle", "Written"]


class Written:
    """Codes of `writes.outcome`."""

    ADMITTED: Final = 0
    LOST: Final = 1
    WAITING: Final = 2


WRITE_OUTCOMES: Final = ("admitted", "lost", "waiting")


class Throttle:
    """Codes of `writes.throttle_reason`; an index's are the table's plus `INDEX`."""

    NONE: Final = 0
    PROVISIONED: Final = 1
    MAX_ON_DEMAND: Final = 2
    ACCOUNT: Final = 3
    KEY_RANGE: Final = 4
    INDEX: Final = 4


_KINDS = (
    "ProvisionedThroughputExceeded",
    "MaxOnDemandThroughputExceeded",
    "AccountLimitExceeded",
    "KeyRangeThroughputExceeded",
)
THROTTLE_REASONS: Final = ("", *(f"{where}Write{kind}" for where in ("Table", "Index") for kind in _KINDS))
# of reads, by the same codes
READ_THROTTLE_REASONS: Final = ("", *(f"TableRead{kind}" for kind in _KINDS))
