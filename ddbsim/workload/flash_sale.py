"""A flash sale: for some minutes many buyers write a few items."""

from __future__ import annotations

from ddbsim.checks.arguments import checked
from ddbsim.distributions import Distribution
from ddbsim.workload.keys import HotSet
from ddbsim.workload.rates import Spike
from ddbsim.workload.writes import PoissonWrites

from .checks import finite_number

__all__ = ["flash_sale"]


@checked
def flash_sale(
    *,
    base_per_s: float = 50.0,
    peak_per_s: float = 1_000.0,
    at_s: float = 60.0,
    lasting_s: float = 120.0,
    items: int = 10_000,
    hot_items: int = 10,
    hot_share: float = 0.8,
    item_bytes: float | Distribution = 1024,
) -> PoissonWrites:
    """Return the writes of a burst that falls on a few items; all defaults are assumed.

    Parameters
    ----------
    base_per_s, peak_per_s
        The rates before and after the sale, and during it, writes per second, >= 0; the peak is no lower than the base.
    at_s, lasting_s
        When the sale begins, >= 0 s, and how long it lasts, > 0 s.
    items
        Items of the table, >= 2.
    hot_items
        Those on sale, 1..items-1.
    hot_share
        The share of the writes that go to them, 0..1: before and after the sale as well, when few come.
    item_bytes
        As in `PoissonWrites`.

    Examples
    --------
    >>> flash_sale(base_per_s=10, peak_per_s=500, at_s=20, lasting_s=30).expected_writes(60)
    15300.0
    """
    if finite_number("flash_sale: peak_per_s", peak_per_s) < finite_number("flash_sale: base_per_s", base_per_s):
        raise ValueError(f"flash_sale: peak_per_s must be >= base_per_s ({base_per_s:g}), got {peak_per_s:g}")
    return PoissonWrites(
        rate_per_s=Spike(base_per_s=base_per_s, peak_per_s=peak_per_s, at_s=at_s, lasting_s=lasting_s),
        item_bytes=item_bytes,
        keys=HotSet(items=items, hot_items=hot_items, hot_share=hot_share),
    )
