"""What AWS charges: every price with its unit, tiers, free amount, region, source, date and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbsim.checks.arguments import checked

from .components import COMPONENTS, Component
from .loading import load_price_list
from .offers import PriceListError
from .price import Price, Tier
from .price_list import MissingPriceError, PriceError, PriceList, UnknownRegionError
from .shipped import shipped_price_list

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COMPONENTS",
    "Component",
    "MissingPriceError",
    "Price",
    "PriceError",
    "PriceList",
    "PriceListError",
    "Tier",
    "UnknownRegionError",
    "load_price_list",
    "prices",
    "shipped_price_list",
]


@checked
def prices(region: str | None = None) -> pd.DataFrame:
    """Return the prices that come with the package, one row per tier.

    Look at `status` and `effective_date` before trusting one: outside us-east-1 many are assumed. `load_price_list`
    reads today's from AWS's own files.

    Parameters
    ----------
    region
        Only this region's ("eu-west-1"); None for all.

    Returns
    -------
    DataFrame
        component, region, unit, from_quantity, to_quantity, usd_per_unit, free_per_month, status, source,
        effective_date.

    Raises
    ------
    UnknownRegionError
        If no price of the region is held.

    Examples
    --------
    >>> prices("us-east-1").query("component == 'write_request_units'")["usd_per_unit"].item() * 1e6
    0.625
    """
    return shipped_price_list().frame(region)
