"""Where Lambda sends what it gives up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ddbsim.checks.wording import shown

from .checks import check_aws_name, check_choice, check_name, check_share, take_numpy_numbers

__all__ = ["Destination", "DestinationKind"]

DestinationKind: TypeAlias = Literal["sqs", "sns", "s3"]


@dataclass(frozen=True, slots=True)
class Destination:
    """The on-failure destination of a mapping: it gets a document for each batch of records that is discarded.

    An SQS queue or SNS topic gets the records' place in the stream, not the records: they must be read from there
    before the retention trims them. S3 gets the whole event.

    Parameters
    ----------
    kind
        "sqs", "sns" (standard ones; the service refuses FIFO) or "s3".
    name
        Of the queue, topic or bucket.
    failure_probability
        Chance, 0..1, that a document cannot be delivered: its records are then lost without a trace but a metric.

    Notes
    -----
    Source: Retain discarded records for a DynamoDB event source,
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html, 2026-11.
    """

    kind: DestinationKind
    name: str = field(default="on-failure", kw_only=True)
    failure_probability: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_choice("Destination.kind", self.kind, get_args(DestinationKind))
        check_name("Destination.name", self.name)
        if self.kind != "s3" and self.name.endswith(".fifo"):
            raise ValueError(
                f"Destination.name must be a standard queue or topic: FIFO is not supported, got {shown(self.name)}"
            )
        check_aws_name("Destination.name", self.name, self.kind)
        check_share("Destination.failure_probability", self.failure_probability)
