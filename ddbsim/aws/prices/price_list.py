"""Prices by region and component, which are missed loudly: nothing ever costs zero because nobody knew its price."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ddbsim.checks.wording import closest, shown

from .components import COMPONENTS
from .price import Price

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MissingPriceError", "PriceError", "PriceList", "UnknownRegionError"]

STALE_AFTER_DAYS = 365


class PriceError(ValueError, KeyError):
    """A price was asked for that the list does not hold."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the sentence in quotes


class UnknownRegionError(PriceError):
    """The list holds no price of that region."""


class MissingPriceError(PriceError):
    """The list knows the region, but not the price of that component there."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PriceList:
    """Prices by region and component.

    Attributes
    ----------
    by_region
        region -> component -> `Price`.
    """

    by_region: Mapping[str, Mapping[str, Price]]

    @classmethod
    def of(cls, prices: Iterable[Price]) -> PriceList:
        """Return the list of these prices; of two for the same component and region, the later one holds."""
        by_region: dict[str, dict[str, Price]] = {}
        for price in prices:
            by_region.setdefault(price.region, {})[price.component] = price
        return cls(by_region=by_region)

    def __iter__(self) -> Iterator[Price]:
        return (price for prices in self.by_region.values() for price in prices.values())

    def __len__(self) -> int:
        return sum(map(len, self.by_region.values()))

    def __repr__(self) -> str:
        return f"PriceList({len(self)} prices, regions: {', '.join(self.by_region)})"

    def price(self, region: str, component: str) -> Price:
        """Return one price.

        Raises
        ------
        UnknownRegionError
            If no price of the region is held.
        MissingPriceError
            If the region is known, but not this price.
        """
        prices = self._of_region(region)
        if component not in prices:
            there = ", ".join(prices)
            raise MissingPriceError(
                f"no price of {component!r} in {region} is held, only of {there}; ds.load_price_list reads AWS's files"
            )
        return prices[component]

    def select(self, region: str, components: Collection[str]) -> PriceList:
        """Return the list of only these prices, missed as loudly as by `price`."""
        return PriceList.of(self.price(region, component) for component in components)

    def merged(self, newer: PriceList) -> PriceList:
        """Return this list with the prices of another one laid over it."""
        return PriceList.of([*self, *newer])

    def age_days(self, today: date) -> int:
        """Return the days since the oldest price was known to hold; 0 for an empty list."""
        return max((price.age_days(today) for price in self), default=0)

    def stale_sentence(self, today: date) -> str | None:
        """Return one sentence on the prices known to hold only over a year ago, or None if there are none."""
        stale = sorted((p for p in self if p.age_days(today) > STALE_AFTER_DAYS), key=lambda p: p.effective_date)
        if not stale:
            return None
        oldest = stale[0]
        label = COMPONENTS[oldest.component].label
        return (
            f"{len(stale)} of {len(self)} prices are known only from over a year ago, the oldest ({label}, "
            f"{oldest.region}) from {oldest.effective_date}: ds.load_price_list reads today's from AWS's files."
        )

    def frame(self, region: str | None = None) -> pd.DataFrame:
        """Return the prices as a frame, one row per tier.

        Parameters
        ----------
        region
            Only this region's; None for all.

        Returns
        -------
        DataFrame
            component, region, unit, from_quantity, to_quantity, usd_per_unit, free_per_month, status, source,
            effective_date.

        Raises
        ------
        UnknownRegionError
            If no price of the region is held.
        """
        import pandas as pd  # loads on first use

        held = self if region is None else self._of_region(region).values()
        rows = [
            (
                *(price.component, price.region, price.unit),
                *(tier.lower, tier.upper, tier.usd_per_unit, price.free_per_month),
                *(price.status, price.source, price.effective_date),
            )
            for price in held
            for tier in price.tiers
        ]
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        frame["effective_date"] = pd.to_datetime(frame["effective_date"]).astype("datetime64[s]")
        return frame

    def _of_region(self, region: str) -> Mapping[str, Price]:
        if region in self.by_region:
            return self.by_region[region]
        there = ", ".join(self.by_region) or "none"
        raise UnknownRegionError(
            f"no prices of region {shown(region)} are held, only of {there}; ds.load_price_list reads AWS's files of "
            f"others{closest(region, self.by_region)}"
        )

    def _repr_html_(self) -> str:
        return str(self.frame()._repr_html_())  # type: ignore[operator]


_COLUMNS = [
    *("component", "region", "unit", "from_quantity", "to_quantity", "usd_per_unit"),
    *("free_per_month", "status", "source", "effective_date"),
]
