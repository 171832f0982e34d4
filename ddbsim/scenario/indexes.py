"""Global secondary indexes, as far as they weigh on writes."""

from __future__ import annotations

from dataclasses import dataclass

from ddbsim.checks.wording import shown
from ddbsim.workload import Keys

from .billing import Billing, OnDemand, Provisioned
from .checks import check_aws_name, check_kind, check_share, check_whole, take_numpy_numbers

__all__ = ["GlobalSecondaryIndex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalSecondaryIndex:
    """An index with a capacity of its own; where it has too little, it is the table's writes that are throttled.

    Parameters
    ----------
    name
        The index's name, 3..255 letters, digits, -, _ and dots.
    billing
        Its capacity; None: as much as the table's mode gives the table, switches included. A switch to a mode that
        this is not of puts the index into the table's mode, too.
    projected_share
        Share of an item's bytes that the index holds, 0..1.
    key_changed_share
        Share of the modifications that change the index's key: two writes there instead of one, 0..1.
    untouched_share
        Share of the modifications that change nothing the index holds: no write there, 0..1.
    keys
        Which index key each write has: few of them make a hot partition of the index. None: they spread evenly, and
        only the index's capacity counts.
    partitions
        Partitions of the index, >= 1; they stay as they are.
    """

    name: str
    billing: Billing | None = None
    projected_share: float = 1.0
    key_changed_share: float = 0.0
    untouched_share: float = 0.0
    keys: Keys | None = None
    partitions: int = 1

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_aws_name("GlobalSecondaryIndex.name", self.name, "index")
        if self.billing is not None and not isinstance(self.billing, Provisioned | OnDemand):
            raise ValueError(
                f"GlobalSecondaryIndex.billing must be Provisioned(...) or OnDemand(...), got {shown(self.billing)}"
            )
        for name in ("projected_share", "key_changed_share", "untouched_share"):
            check_share(f"GlobalSecondaryIndex.{name}", getattr(self, name))
        if self.key_changed_share + self.untouched_share > 1:
            raise ValueError(
                f"GlobalSecondaryIndex.key_changed_share and untouched_share must sum to at most 1, got "
                f"{self.key_changed_share + self.untouched_share:g}"
            )
        if self.keys is not None:
            check_kind("GlobalSecondaryIndex.keys", self.keys, Keys)
        check_whole(self, "partitions", low=1, high=10_000)
