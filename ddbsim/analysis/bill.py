"""What a window of simulated time costs, component by component, and what it would cost a month."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from ddbsim.aws.prices import COMPONENTS, Price, PriceList, shipped_price_list
from ddbsim.checks.wording import shown

__all__ = ["Bill", "make_bill"]

SHOWN = ["label", "quantity_per_month", "unit", "unit_price_usd", "usd", "usd_per_month", "price_status", "price_date"]
COLUMNS = {
    "component": "str",
    "label": "str",
    "quantity": "float64",
    "unit": "str",
    "unit_price_usd": "float64",
    "usd": "float64",
    "quantity_per_month": "float64",
    "usd_per_month": "float64",
    "price_date": "datetime64[s]",
    "price_status": "str",
    "source": "str",
}

# a window is no shorter than this, so that a month at its pace is a number
_LEAST_MONTHS = 1e-200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Bill:
    """A bill; `make_bill` makes one.

    Attributes
    ----------
    frame
        A row per component: component, label, quantity (of the window; a stock's is its average), unit, unit_price_usd
        (the mean over the tiers that the month reaches), usd (of the window), quantity_per_month, usd_per_month,
        price_date, price_status ("documented", "measured" or "assumed") and source of the price.
    region, window_s, month_hours, free_tier
        What it was made for.
    note
        The same and the state of the prices, in sentences.
    """

    frame: pd.DataFrame
    region: str
    window_s: float
    month_hours: float
    free_tier: bool
    note: str

    @property
    def total_usd(self) -> float:
        """The USD of the window, the sum of its rows."""
        return math.fsum(self.frame["usd"])

    @property
    def usd_per_month(self) -> float:
        """The USD of a month that goes on as the window did, the sum of its rows."""
        return math.fsum(self.frame["usd_per_month"])

    def diff(self, other: Bill) -> pd.DataFrame:
        """Return what a month of `other` costs more or less than one of this, the largest change first.

        Parameters
        ----------
        other
            The bill to change to. A component that one of the two does not have costs nothing there.

        Returns
        -------
        DataFrame
            component, label, before, after, change: USD per month.
        """
        before, after = (bill.frame.set_index("component")["usd_per_month"] for bill in (self, other))
        sides = pd.DataFrame({"before": before, "after": after}).fillna(0.0)
        sides["change"] = sides["after"] - sides["before"]
        sides = sides.rename_axis("component").reset_index()
        sides.insert(1, "label", [_label(key) for key in sides["component"]])
        return sides.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True)

    def __str__(self) -> str:
        rows = self._shown().to_string(index=False)
        return f"{self._headline()}\n{rows}\n{self.note}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = self._shown().to_html(index=False, border=0)
        return f"<p><strong>{self._headline()}</strong></p>{rows}<p>{self.note}</p>"

    def _headline(self) -> str:
        return (
            f"{self.usd_per_month:,.2f} USD a month; {self.total_usd:,.4g} USD for the {self.window_s:,g} s simulated"
        )

    def _shown(self) -> pd.DataFrame:
        shown = self.frame[SHOWN].astype({"price_date": "str"})
        for column, form in (
            ("quantity_per_month", "{:,.4g}"),
            ("unit_price_usd", "{:.4g}"),
            ("usd", "{:,.4g}"),
            ("usd_per_month", "{:,.2f}"),
        ):
            shown[column] = shown[column].map(form.format)
        return shown


def make_bill(
    quantities: Mapping[str, float],
    *,
    window_s: float,
    region: str,
    month_hours: float = 730,
    free_tier: bool = False,
    price_list: PriceList | None = None,
    today: date | None = None,
) -> Bill:
    """Return what was used in a window of time costs, and what it would cost a month at the same pace.

    Tiers and free amounts are AWS's by the month, so the quantity is scaled to a month (times month_hours * 3,600 /
    window_s; a stock such as stored GB is not), priced there, and the window's USD are the month's scaled back. A short
    window is therefore priced at the tiers that a whole month of it would reach.

    It misleads where the window is no typical piece of the month, or the account uses the same tiers and free amounts
    elsewhere.

    Parameters
    ----------
    quantities
        Component key -> quantity over the window, 0 or more; for a stock ("storage_gb_months") the average GB held.
        Every key gets its row, in this order, even with quantity 0. What a part of a component is for may follow a
        slash ("write_request_units/by-date" for an index): it has a row of its own, at the component's price.
    window_s
        Length of the window in seconds, above 0.
    region
        As in the price list ("us-east-1").
    month_hours
        Hours in a month, above 0; AWS's own calculator takes 730.
    free_tier
        Whether the free amounts of a month are taken off. Components that share one, as Lambda's two architectures do,
        use it up in row order.
    price_list
        Prices from `load_price_list`; None for those that come with the package.
    today
        The day from which the age of the prices is judged; None for the computer's.

    Returns
    -------
    Bill
        With `frame`, `total_usd`, `usd_per_month`, `diff`.

    Raises
    ------
    ValueError
        If the window or the month is not above 0, or a quantity is negative or not finite.
    UnknownRegionError, MissingPriceError
        If a price is not held.

    Examples
    --------
    >>> bill = make_bill({"write_request_units": 3_000_000}, window_s=600, region="us-east-1", month_hours=720)
    >>> round(bill.usd_per_month)
    8100
    """
    months = _window_in_months(window_s, month_hours)
    held = (price_list or shipped_price_list()).select(region, [_component(key) for key in quantities])
    rows = []
    used: dict[str, float] = {}  # of each free amount, by the rows above
    for key, given in quantities.items():
        price = held.price(region, _component(key))
        component = COMPONENTS[price.component]
        quantity = float(given)
        price.check_quantity(quantity)
        monthly = quantity if component.is_stock else quantity / months
        pool = component.free_pool or component.key
        free = max(price.free_per_month - used.get(pool, 0.0), 0.0) if free_tier else 0.0
        used[pool] = used.get(pool, 0.0) + monthly
        rows.append(_row(price, key, quantity=quantity, monthly=monthly, free=free, months=months))
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    note = _note(held, window_s, region, month_hours, free_tier, today or date.today())
    return Bill(frame=frame, region=region, window_s=window_s, month_hours=month_hours, free_tier=free_tier, note=note)


def _window_in_months(window_s: float, month_hours: float) -> float:
    for name, value in (("window_s", window_s), ("month_hours", month_hours)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {shown(value)}")
    return max(window_s / (month_hours * 3600), _LEAST_MONTHS)


def _component(key: str) -> str:
    return key.partition("/")[0]


def _label(key: str) -> str:
    """Return the name that a reader sees, with what the part is for."""
    component, _, part = key.partition("/")
    return COMPONENTS[component].label + (f": {part}" if part else "")


def _row(price: Price, key: str, *, quantity: float, monthly: float, free: float, months: float) -> tuple[object, ...]:
    """Return one row of the bill, in the order of `COLUMNS`."""
    usd_per_month = price.cost_between(free, monthly)
    unit_price = usd_per_month / monthly if monthly > 0 else price.marginal(0)
    return (
        *(key, _label(key), quantity, price.unit, unit_price),
        *(usd_per_month * months, monthly, usd_per_month),
        *(pd.Timestamp(price.effective_date), price.status, price.source),
    )


def _note(held: PriceList, window_s: float, region: str, month_hours: float, free_tier: bool, today: date) -> str:
    statuses = [price.status for price in held]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)) or "none"
    tier = "with" if free_tier else "without"
    scale = f"{region}, {window_s:,g} s scaled to a month of {month_hours:g} h, {tier} the free tier; prices: {counts}."
    return " ".join(filter(None, [scale, held.stale_sentence(today)]))
