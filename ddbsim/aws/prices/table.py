"""The shipped prices as the README's table, which ``python -m ddbsim.aws.prices.table README.md`` writes."""

from __future__ import annotations

import sys
from pathlib import Path

from .components import COMPONENTS
from .price import Price
from .shipped import shipped_price_list

__all__ = ["BEGIN", "END", "price_table", "with_table"]

BEGIN, END = "<!-- prices: begin -->", "<!-- prices: end -->"
REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2")
_MILLION = 1e6


def price_table() -> str:
    """Return the prices as Markdown: a row per component, a column per region, what is assumed with an asterisk."""
    held = shipped_price_list()
    lines = [
        f"| USD per | {' | '.join(REGIONS)} | free a month | known from |",
        f"|---|{'---|' * len(REGIONS)}---|---|",
    ]
    for key in COMPONENTS:
        prices = [held.price(region, key) for region in REGIONS]
        first = prices[0]
        scale = _MILLION if first.marginal(0) < 1e-4 else 1.0
        cells = [_cell(price, scale) for price in prices]
        free = f"{first.free_per_month:,.0f}" if first.free_per_month else ""
        lines.append(f"| {_what(first, scale)} | {' | '.join(cells)} | {free} | {first.effective_date:%Y-%m} |")
    return "\n".join(lines)


def _what(price: Price, scale: float) -> str:
    component = COMPONENTS[price.component]
    return f"{component.label}: {'million × ' if scale > 1 else ''}{component.unit}"


def _cell(price: Price, scale: float) -> str:
    """Return each tier's price, and from which quantity it holds."""
    tiers = [f"{tier.usd_per_unit * scale:.6g}" + _from(tier.lower) for tier in price.tiers]
    return "; ".join(tiers) + ("*" if price.status == "assumed" else "")


def _from(lower: float) -> str:
    return f" from {lower / 1e9:g} G" if lower else ""


def with_table(text: str) -> str:
    """Return a text with the table between its two marks made anew.

    Raises
    ------
    ValueError
        If the text does not have both marks, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text must have the marks {BEGIN} and {END}, in this order")
    return f"{before}{BEGIN}\n{price_table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
