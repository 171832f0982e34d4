"""Where a mapping sends word of what it gave up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .checks import check_choice, check_share

__all__ = ["Destination", "DestinationKind"]

DestinationKind: TypeAlias = Literal["sqs", "sns", "s3"]


@dataclass(frozen=True, slots=True)
class Destination:
    """An on-failure destination.

    Parameters
    ----------
    kind
        "sqs", "sns" (standard ones: the service refuses FIFO queues and topics) or "s3", whose document also carries
        the records.
    name
        The queue's, topic's or bucket's name.
    failure_probability
        Chance in [0, 1] that a document cannot be delivered; the records are then dropped without word.
    """

    kind: DestinationKind
    name: str = "on-failure"
    failure_probability: float = 0.0

    def __post_init__(self) -> None:
        check_choice("Destination.kind", self.kind, ("sqs", "sns", "s3"))
        check_share("Destination.failure_probability", self.failure_probability)
        if self.name.endswith(".fifo"):
            raise ValueError(f"Destination.name must be a standard queue or topic, got the FIFO one {self.name!r}")
