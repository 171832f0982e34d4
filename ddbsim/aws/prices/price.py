"""A price: its tiers, its free amount, where it is from; and what a quantity costs at it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from ddbsim.aws.facts import Status
from ddbsim.checks.wording import shown

from .components import COMPONENTS

__all__ = ["Price", "Tier", "flat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The price of the units from `lower` up to `upper` of one month."""

    lower: float
    upper: float
    usd_per_unit: float

    def cost_between(self, start: float, stop: float) -> float:
        """Return the USD for those of the units `start` .. `stop` that lie in this tier."""
        units = min(stop, self.upper) - max(start, self.lower)
        return units * self.usd_per_unit if units > 0 else 0.0


def flat(usd_per_unit: float) -> tuple[Tier, ...]:
    """Return the one tier of a price that does not fall with quantity."""
    return (Tier(lower=0, upper=math.inf, usd_per_unit=usd_per_unit),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one component costs in one region, in USD.

    Attributes
    ----------
    component, region, unit
        What is priced, where ("us-east-1"), and what one of it is.
    tiers
        From 0 to infinity without a gap; bounds are quantities of one month.
    free_per_month
        The first units of a month that the free tier does not bill. They fill the lowest tier all the same.
    source, effective_date, status
        Who states the price; since when it is known to hold; "documented" by AWS, "measured" (stated by a third party
        that read AWS's list), or "assumed" (then `source` says from what).

    Raises
    ------
    ValueError
        If the component is none of `COMPONENTS`, the tiers do not run from 0 to infinity, or a price or the free amount
        is negative.
    """

    component: str
    region: str
    unit: str
    tiers: tuple[Tier, ...]
    free_per_month: float = 0.0
    source: str
    effective_date: date
    status: Status

    def __post_init__(self) -> None:
        """Hold the component to a known one, and the tiers to one unbroken line from 0 to infinity."""
        if self.component not in COMPONENTS:
            raise ValueError(f"component must be one of {', '.join(COMPONENTS)}, got {shown(self.component)}")
        bounds = [0.0, *(bound for tier in self.tiers for bound in (tier.lower, tier.upper)), math.inf]
        # lower bounds meet the upper bounds before them, and each tier has a width
        unbroken = all(low == high for low, high in zip(bounds[0::2], bounds[1::2], strict=True))
        if not unbroken or not all(low < high for low, high in pairwise(bounds[1::2])):
            raise ValueError(
                f"the tiers of {self.component} must run from 0 to infinity without a gap, got {self.tiers}"
            )
        if not all(0 <= tier.usd_per_unit < math.inf for tier in self.tiers) or not 0 <= self.free_per_month < math.inf:
            raise ValueError(f"the price and free amount of {self.component} must be 0 or more, got {self}")

    def cost(self, quantity: float, *, free_tier: bool = False) -> float:
        """Return the USD for a month's quantity, tier by tier.

        Parameters
        ----------
        quantity
            Units of one month, 0 or more.
        free_tier
            Whether the first `free_per_month` units are free.

        Raises
        ------
        ValueError
            If the quantity is negative, NaN or infinite.

        Examples
        --------
        >>> from ddbsim.aws.prices import shipped_price_list
        >>> stream_reads = shipped_price_list().price("us-east-1", "stream_read_request_units")
        >>> round(stream_reads.cost(5_000_000), 2), round(stream_reads.cost(5_000_000, free_tier=True), 2)
        (1.0, 0.5)
        """
        return self.cost_between(self.free_per_month if free_tier else 0.0, quantity)

    def cost_between(self, start: float, stop: float) -> float:
        """Return the USD for the units from `start` to `stop` of a month; 0 if `stop` comes first."""
        self.check_quantity(start)
        self.check_quantity(stop)
        return math.fsum(tier.cost_between(start, stop) for tier in self.tiers)

    def marginal(self, quantity: float, *, free_tier: bool = False) -> float:
        """Return the USD for one unit more, after a month's quantity."""
        self.check_quantity(quantity)
        if free_tier and quantity < self.free_per_month:
            return 0.0
        return next(tier.usd_per_unit for tier in self.tiers if quantity < tier.upper)

    def age_days(self, today: date) -> int:
        """Return the days since the price was known to hold."""
        return (today - self.effective_date).days

    def check_quantity(self, quantity: float) -> None:
        """Raise ValueError, naming the component, unless the quantity is 0 or more and finite."""
        if not 0 <= quantity < math.inf:
            raise ValueError(f"the quantity of {self.component} must be 0 or more and finite, got {shown(quantity)}")
