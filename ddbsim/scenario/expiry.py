"""Items that expire."""

from __future__ import annotations

from dataclasses import dataclass, field

from ddbsim.aws import capacity
from ddbsim.distributions import Distribution, Uniform

from .checks import check_distribution, check_interval, check_number, take_numpy_numbers

__all__ = ["TimeToLive"]


def _late() -> Distribution:
    return Uniform(0.0, capacity.TTL_LATE_S.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToLive:
    """The table deletes items some time after they expire; the record of it carries a userIdentity.

    A write that leaves an item sets its expiry anew. The delete takes no write units, and no client asked for it.

    Parameters
    ----------
    after_s
        From a write to its item's expiry, seconds > 0.
    late
        From the expiry to the delete, seconds: a number or a distribution. AWS says 'within a few days', older texts
        48 hours; uniform within those is assumed.
    scan_s
        Each partition is looked through this often, seconds, >= 0.001: what has become due by then goes in one burst
        (assumed).
    """

    after_s: float
    late: float | Distribution = field(default_factory=_late)
    scan_s: float = capacity.TTL_SCAN_S.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("TimeToLive.after_s", self.after_s, open_low=True)
        check_distribution("TimeToLive.late", self.late)
        check_interval("TimeToLive.scan_s", self.scan_s)
