"""What a handler needs of a change, and how a view type serves it: directly, by a read-back, or not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ddbsim.aws import behaviour, limits
from ddbsim.distributions import Distribution, LogNormal, as_distribution

from .checks import check_choice, check_distribution, check_switch, take_numpy_numbers
from .table import ViewType

__all__ = ["NEEDS", "Consistency", "Need", "ReadBack", "Served", "served"]

Need: TypeAlias = Literal["keys", "new", "old", "both"]
NEEDS: tuple[Need, ...] = get_args(Need)
Served: TypeAlias = Literal["directly", "by a read-back", "not at all"]
Consistency: TypeAlias = Literal["eventual", "strong", "transactional"]

_CARRIED: dict[ViewType, frozenset[str]] = {
    "KEYS_ONLY": frozenset(),
    "NEW_IMAGE": frozenset({"new"}),
    "OLD_IMAGE": frozenset({"old"}),
    "NEW_AND_OLD_IMAGES": frozenset({"new", "old"}),
}
_NEEDED: dict[Need, frozenset[str]] = {
    "keys": frozenset(),
    "new": frozenset({"new"}),
    "old": frozenset({"old"}),
    "both": frozenset({"new", "old"}),
}


def served(needs: Need, view_type: ViewType) -> Served:
    """Return how a view type gives a handler what it needs.

    The table holds the present state only: a new image that is lacking can be read there (as it is by then, not as it
    was written), an old one cannot.

    Examples
    --------
    >>> served("new", "KEYS_ONLY"), served("old", "KEYS_ONLY"), served("both", "OLD_IMAGE")
    ('by a read-back', 'not at all', 'by a read-back')
    """
    lacking = _NEEDED[needs] - _CARRIED[view_type]
    if "old" in lacking:
        return "not at all"
    return "by a read-back" if lacking else "directly"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """How a handler reads the items that its records lack, before it works on them.

    Each record is read that still has an item: a REMOVE needs no read. The time is waiting, so memory and noise do not
    change it. What is read is the item as it is then, which may be newer than the record.

    Parameters
    ----------
    consistency
        "eventual" (half a read unit per 4 KB), "strong" (1) or "transactional" (2).
    batched
        False: a GetItem per record, one after the other. True: the batch's distinct items, up to 100 per BatchGetItem
        (TransactGetItems if transactional), one request after the other.
    latency
        Seconds per request: a number or a distribution (assumed).

    Notes
    -----
    A BatchGetItem returns at most 16 MB and its rest as unprocessed keys; that is not simulated.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """

    consistency: Consistency = "eventual"
    batched: bool = False
    latency: float | Distribution = field(
        default_factory=lambda: LogNormal(
            median=behaviour.READ_BACK_MEDIAN_S.value, p99=behaviour.READ_BACK_P99_S.value
        )
    )

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_choice("ReadBack.consistency", self.consistency, get_args(Consistency))
        check_switch("ReadBack.batched", self.batched)
        check_distribution("ReadBack.latency", self.latency)

    def mean_s(self, reads: float) -> float:
        """Return how long the reads of so many distinct items take on average, one request after the other, seconds."""
        requests = math.ceil(reads / limits.BATCH_GET_ITEMS.value) if self.batched else reads
        return requests * as_distribution(self.latency).mean
